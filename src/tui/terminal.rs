//! The terminal: entered, written to in whole frames, and always given back.
//!
//! Nothing here ever asks the terminal anything: an answer that comes late ends up in somebody's
//! shell.

use std::{
    io::{self, Write},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crossterm::{
    clipboard::CopyToClipboard,
    cursor, execute, queue,
    terminal::{
        BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
        disable_raw_mode, enable_raw_mode,
    },
};
use ratatui::{
    backend::{Backend, ClearType, CrosstermBackend, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
};

/// How large the terminal is, in columns and lines.
pub type SizeOf = Box<dyn Fn() -> io::Result<Size>>;

/// A terminal behind any writer, as ratatui draws on it.
pub struct Screen<W: Write> {
    output: W,
    /// The bytes of one frame, so that it is written at once or not at all.
    pending: Vec<u8>,
    size_of: SizeOf,
    changed: bool,
    cursor: Option<Position>,
    drawn_cursor: Option<Position>,
}

impl<W: Write> Screen<W> {
    /// A screen that writes to `output`.
    pub fn new(output: W, size_of: SizeOf) -> Self {
        Self {
            output,
            pending: Vec::new(),
            size_of,
            changed: false,
            cursor: None,
            drawn_cursor: None,
        }
    }

    /// The alternate screen, without a cursor.
    pub fn enter(&mut self) -> io::Result<()> {
        queue!(self.pending, EnterAlternateScreen, cursor::Hide)?;
        self.drawn_cursor = None;
        self.commit()
    }

    /// Everything as it was. Twice does no harm.
    pub fn leave(&mut self) -> io::Result<()> {
        leave(&mut self.pending)?;
        self.commit()
    }

    /// Puts a text on the clipboard of the person's own machine, through the terminal (OSC 52).
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        queue!(self.pending, CopyToClipboard::to_clipboard_from(text))?;
        self.commit()
    }

    /// What is drawn until [`Screen::end_frame`] appears at once.
    pub fn begin_frame(&mut self) -> io::Result<()> {
        self.changed = false;
        queue!(self.pending, BeginSynchronizedUpdate)
    }

    /// Writes the frame, or nothing at all when it equals the last one.
    pub fn end_frame(&mut self) -> io::Result<()> {
        if !self.changed && self.cursor == self.drawn_cursor {
            self.pending.clear();
            return Ok(());
        }
        match self.cursor {
            Some(at) => queue!(self.pending, cursor::MoveTo(at.x, at.y), cursor::Show)?,
            None => queue!(self.pending, cursor::Hide)?,
        }
        self.drawn_cursor = self.cursor;
        queue!(self.pending, EndSynchronizedUpdate)?;
        self.commit()
    }

    fn commit(&mut self) -> io::Result<()> {
        let written = self.output.write_all(&self.pending).and_then(|()| self.output.flush());
        self.pending.clear();
        written
    }
}

/// What leaving writes, wherever it is written to.
fn leave(output: &mut impl Write) -> io::Result<()> {
    queue!(output, LeaveAlternateScreen, cursor::Show)
}

impl<W: Write> Backend for Screen<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.changed = true;
        CrosstermBackend::new(&mut self.pending).draw(content)
    }

    // The cursor is placed once, at the end of the frame, and only when it moved.
    fn hide_cursor(&mut self) -> io::Result<()> {
        self.cursor = None;
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.cursor = self.cursor.or(Some(Position::ORIGIN));
        Ok(())
    }

    /// Never asks the terminal.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor.unwrap_or(Position::ORIGIN))
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        if self.cursor.is_some() {
            self.cursor = Some(position.into());
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.changed = true;
        CrosstermBackend::new(&mut self.pending).clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        (self.size_of)()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: (self.size_of)()?, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether this program has the terminal now; shared by everything that gives it back.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// Raw mode on the real terminal, given back when dropped.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    /// Takes the terminal: raw mode, and a panic hook that gives it back.
    pub fn enter() -> io::Result<Self> {
        install_panic_hook();
        enable_raw_mode()?;
        ENTERED.store(true, Ordering::SeqCst);
        Ok(Self(()))
    }

    /// Ends raw mode for a while; the caller has left the alternate screen.
    pub fn yield_terminal(&self) -> io::Result<()> {
        ENTERED.store(false, Ordering::SeqCst);
        disable_raw_mode()
    }

    /// Takes it again after [`Guard::yield_terminal`].
    pub fn enter_again(&self) -> io::Result<()> {
        enable_raw_mode()?;
        ENTERED.store(true, Ordering::SeqCst);
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back, once, whoever calls it: quit, error, signal, panic.
pub fn restore() {
    if ENTERED.swap(false, Ordering::SeqCst) {
        // There is nobody left to tell when the terminal is gone.
        let mut output = io::stdout();
        let _ = leave(&mut output).and_then(|()| output.flush());
        let _ = disable_raw_mode();
    }
}

/// A panic of the thread that draws gives the terminal back first. A panic elsewhere leaves it: the
/// dashboard still runs there. Either way a place is printed and never the payload (SECURITY P3).
fn install_panic_hook() {
    static ONCE: Once = Once::new();
    let drawing = thread::current().id();
    ONCE.call_once(move || {
        panic::set_hook(Box::new(move |info| {
            let here = thread::current().id() == drawing;
            if here {
                restore();
            }
            if here || !ENTERED.load(Ordering::SeqCst) {
                let place = info.location().map_or_else(
                    || "an unknown place".to_owned(),
                    |location| format!("{}:{}", location.file(), location.line()),
                );
                let _ = execute!(
                    io::stderr(),
                    crossterm::style::Print(format!(
                        "error: stalekey stopped at {place}, which is a bug in it; nothing was changed\n"
                    ))
                );
            }
        }));
    });
}
