//! Where everything is. One place decides, so that scrolling and drawing agree.

use ratatui::layout::{Rect, Size};

use crate::tui::model::Model;

/// The least size with a table.
pub const LEAST: Size = Size { width: 30, height: 8 };

/// Below this the border has no sides: every column is needed.
const SIDES_FROM: u16 = 60;

/// Which lines there are below the header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extra {
    /// What a person should know of this run.
    pub notice: bool,
    /// The next step of the tour.
    pub tour: bool,
    /// How far a rotation is.
    pub rotation: bool,
}

/// The parts of the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Regions {
    /// Program, counts, progress.
    pub header: Rect,
    /// What a person should know of this run.
    pub notice: Option<Rect>,
    /// The next step of the tour.
    pub tour: Option<Rect>,
    /// How far a rotation is.
    pub rotation: Option<Rect>,
    /// The border around table and why pane.
    pub frame: Rect,
    /// The border has sides.
    pub sides: bool,
    /// Names of the columns.
    pub columns: Rect,
    /// The rows.
    pub rows: Rect,
    /// The line between table and why pane.
    pub separator: Option<Rect>,
    /// The inside of the why pane.
    pub why: Option<Rect>,
    /// What can be done.
    pub footer: Rect,
}

impl Regions {
    /// For a terminal of this size; `None` when it is too small for a table.
    pub fn new(size: Size, extra: Extra) -> Option<Self> {
        Self::inside(Rect::new(0, 0, size.width, size.height), extra)
    }

    /// For the frame that is really drawn.
    pub fn fitting(area: Rect, model: &Model) -> Option<Self> {
        if area.as_size() == model.size {
            return model.regions();
        }
        Self::inside(area, model.extra_lines())
    }

    fn inside(area: Rect, wanted: Extra) -> Option<Self> {
        if area.width < LEAST.width || area.height < LEAST.height {
            return None;
        }
        let line = |y: u16| Rect { y, height: 1, ..area };
        let header = line(area.y);
        let mut top = area.y + 1;
        let mut extra = |wanted: bool, from: u16| {
            (wanted && area.height >= from).then(|| {
                let rect = line(top);
                top += 1;
                rect
            })
        };
        // The tour is the reason why somebody looks at a demo: it stays on a small terminal too.
        let tour = extra(wanted.tour, 10);
        let rotation = extra(wanted.rotation, 12);
        let notice = extra(wanted.notice, 14);
        let footer = line(area.bottom() - 1);
        let frame = Rect { y: top, height: footer.y - top, ..area };
        let sides = area.width >= SIDES_FROM;
        let inset = u16::from(sides);
        let inner = Rect { x: frame.x + inset, width: frame.width - 2 * inset, ..frame };
        let bottom = frame.bottom() - 1;
        let why_height = match area.height {
            40.. => 9,
            30..40 => 8,
            22..30 => 6,
            17..22 => 5,
            14..17 => 4,
            12..14 => 3,
            _ => 0,
        };
        let (separator, why, rows_end) = if why_height > 0 {
            let y = bottom - why_height - 1;
            let why = Rect { y: y + 1, height: why_height, x: inner.x + 1, width: inner.width - 2 };
            (Some(Rect { y, height: 1, ..frame }), Some(why), y)
        } else {
            (None, None, bottom)
        };
        let columns = Rect { y: frame.y + 1, height: 1, ..inner };
        let rows_top = columns.y + 1;
        let rows = Rect { y: rows_top, height: rows_end.saturating_sub(rows_top), ..inner };
        Some(Self {
            header,
            notice,
            tour,
            rotation,
            frame,
            sides,
            columns,
            rows,
            separator,
            why,
            footer,
        })
    }
}

/// The area of a popup: everything between header and footer, so that nothing peeps out beside it.
pub fn popup(size: Size) -> Rect {
    let height = size.height.saturating_sub(2);
    Rect { x: 0, y: 1.min(size.height), width: size.width, height }
}

/// Its inside: without border and one blank column on either side.
pub fn popup_inner(size: Size) -> Rect {
    let area = popup(size);
    Rect {
        x: area.x + 2.min(area.width),
        y: area.y + 1.min(area.height),
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_part_lies_inside_and_none_overlap(
            width in 0_u16..300, height in 0_u16..120, notice: bool, tour: bool, rotation: bool,
        ) {
            let area = Rect::new(0, 0, width, height);
            let size = Size { width, height };
            prop_assert_eq!(popup(size).intersection(area), popup(size));
            prop_assert!(popup_inner(size).height <= height);
            let Some(regions) = Regions::new(size, Extra { notice, tour, rotation }) else {
                prop_assert!(width < 30 || height < 8);
                return Ok(());
            };
            let parts = [
                Some(regions.header), regions.notice, regions.tour, regions.rotation,
                Some(regions.columns),
                Some(regions.rows), regions.separator, regions.why, Some(regions.footer),
            ];
            let parts: Vec<Rect> = parts.into_iter().flatten().collect();
            for (index, part) in parts.iter().enumerate() {
                prop_assert_eq!(part.intersection(area), *part);
                prop_assert!(part.height > 0, "{:?}", regions);
                for other in &parts[index + 1..] {
                    prop_assert!(part.intersection(*other).is_empty(), "{:?}", regions);
                }
            }
        }
    }
}
