//! Parts for several containers: only where there are several does a part need a name.

use super::Part;
use crate::{domain::inert::inert, formats::tree::Node};

pub(super) fn named(containers: &[Node], read: impl Fn(&Node) -> Part) -> Vec<Part> {
    let several = containers.len() > 1;
    let part = |(index, container): (usize, &Node)| {
        let name = || container.word("name").map_or_else(|| (index + 1).to_string(), inert);
        Part { name: several.then(name), ..read(container) }
    };
    containers.iter().enumerate().map(part).collect()
}
