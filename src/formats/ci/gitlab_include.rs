//! `include:` of `.gitlab-ci.yml`, as far as the files stand beside it.
//!
//! GitLab lays the file over those that it includes, map by map. Here all of them become one tree:
//! the lines of each file are moved to a range of their own, and moved back when it has been read.

use std::sync::Arc;

use super::{CiFile, Row};
use crate::{
    domain::{
        inert::inert,
        place::{Place, Position},
    },
    formats::{
        Refusal,
        files::{Files, folder_of, join},
        yaml::{self, Node, Pair, Value},
    },
};

/// The lines of the first file begin here, those of the second at twice that; no file has as many.
const RANGE: u32 = 8_000_000;
/// As many files as GitLab itself takes.
const MOST_FILES: usize = 150;
const MOST_DEPTH: usize = 100;

const BROKEN: &str = "this file is included, and is no map of jobs and settings";

/// A file that refuses the pipeline, and why.
pub(super) type Fault = (Option<String>, Refusal);

/// The files of one pipeline.
pub(super) struct Follower<'f> {
    files: &'f mut dyn Files,
    folder: String,
    /// The first is the pipeline's own.
    paths: Vec<String>,
    /// Includes that are not followed.
    left: Vec<Node>,
}

impl<'f> Follower<'f> {
    pub(super) fn new(path: &str, files: &'f mut dyn Files) -> Self {
        let folder = folder_of(path).to_owned();
        Self { files, folder, paths: vec![path.to_owned()], left: Vec::new() }
    }

    /// The pipeline over all that it includes.
    pub(super) fn follow(&mut self, root: &Node) -> Result<Node, Fault> {
        if root.get("include").is_none() {
            return Ok(root.clone());
        }
        let mut whole = self.expand(root, 0)?;
        if let Value::Mapping(pairs) = &whole.value {
            let mut pairs = Vec::clone(pairs);
            for pair in pairs.iter_mut().filter(|pair| pair.key.name() == Some("include")) {
                pair.value.value = Value::Sequence(Arc::new(std::mem::take(&mut self.left)));
            }
            whole.value = Value::Mapping(Arc::new(pairs));
        }
        Ok(whole)
    }

    fn expand(&mut self, root: &Node, depth: usize) -> Result<Node, Fault> {
        let Some(include) = root.get("include").filter(|_| depth < MOST_DEPTH) else {
            return Ok(root.clone());
        };
        let mut below: Option<Node> = None;
        for item in include.items().unwrap_or(std::slice::from_ref(include)) {
            let Some(node) = self.included(item, depth)? else { continue };
            below = Some(match below {
                Some(below) => laid_over(&below, &node),
                None => node,
            });
        }
        Ok(below.map_or_else(|| root.clone(), |below| laid_over(&below, root)))
    }

    /// A file beside the pipeline that is always included.
    fn included(&mut self, item: &Node, depth: usize) -> Result<Option<Node>, Fault> {
        let named = item.name().or_else(|| {
            let unconditional = item.get("rules").is_none();
            item.get("local").filter(|_| unconditional).and_then(Node::name)
        });
        let is_beside = |path: &&str| {
            !path.contains("://") && !path.contains("..") && !path.contains(['*', '$'])
        };
        let path = named.filter(is_beside);
        let path = path.map(|path| join(&self.folder, path.trim_start_matches('/')));
        let Some(path) = path.filter(|_| self.paths.len() < MOST_FILES) else {
            self.left.push(item.clone());
            return Ok(None);
        };
        if self.paths.contains(&path) {
            return Ok(None);
        }
        let Ok(bytes) = self.files.read(&path).map(zeroize::Zeroizing::new) else {
            self.left.push(item.clone());
            return Ok(None);
        };
        let fault = |refusal| (Some(path.clone()), refusal);
        let documents = yaml::parse(&bytes).map_err(fault)?;
        let Some(document) = documents.iter().find(|document| document.root.pairs().is_some())
        else {
            let refusal = Refusal { position: None, reason: BROKEN };
            return Err(fault(refusal));
        };
        let mut root = document.root.clone();
        move_lines(&mut root, self.paths.len() as u32 * RANGE);
        self.paths.push(path);
        self.expand(&root, depth + 1).map(Some)
    }

    /// Every line back in its own file.
    pub(super) fn settle(&self, mut file: CiFile) -> CiFile {
        for Row { contents, .. } in &mut file.rows {
            let places = contents.occurrences.iter_mut().map(|found| &mut found.place);
            let places = places.chain(contents.problems.iter_mut().map(|found| &mut found.place));
            let traps = contents.traps.iter_mut().map(|(_, found)| &mut found.place);
            for place in places.chain(traps) {
                self.settle_place(place);
            }
        }
        file
    }

    /// The same for a refusal.
    pub(super) fn settle_fault(&self, mut refusal: Refusal) -> Fault {
        let Some(position) = refusal.position else { return (None, refusal) };
        let mut place = Place::at(position);
        self.settle_place(&mut place);
        refusal.position = place.position;
        (place.path, refusal)
    }

    fn settle_place(&self, place: &mut Place) {
        let Some(Position { line, .. }) = &mut place.position else { return };
        let file = *line / RANGE;
        *line -= file * RANGE;
        if let Some(path) = self.paths.get(file as usize).filter(|_| file > 0) {
            place.path = Some(inert(path));
        }
    }
}

fn move_lines(node: &mut Node, lines: u32) {
    node.position.line += lines;
    match &mut node.value {
        Value::Scalar(_) => {}
        Value::Sequence(items) => {
            for item in Arc::make_mut(items) {
                move_lines(item, lines);
            }
        }
        Value::Mapping(pairs) => {
            for pair in Arc::make_mut(pairs) {
                move_lines(&mut pair.key, lines);
                move_lines(&mut pair.value, lines);
            }
        }
    }
}

/// A map over a map, key by key; anything else takes the place of what is below.
fn laid_over(below: &Node, above: &Node) -> Node {
    let (Some(lower), Some(upper)) = (below.pairs(), above.pairs()) else { return above.clone() };
    let mut pairs: Vec<Pair> = lower.to_vec();
    for pair in upper {
        let known = pairs.iter_mut().find(|known| known.key.name() == pair.key.name());
        match known {
            Some(known) => {
                let value = laid_over(&known.value, &pair.value);
                *known = Pair { value, ..pair.clone() };
            }
            None => pairs.push(pair.clone()),
        }
    }
    let mut node = above.clone();
    node.value = Value::Mapping(Arc::new(pairs));
    node
}
