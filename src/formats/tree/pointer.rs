//! JSON Pointer (RFC 6901), over any of the syntaxes.

use super::Node;

impl Node {
    /// What the pointer names: `/a/0/b~1c`, or nothing for the whole. `None` when nothing stands
    /// there.
    pub(in crate::formats) fn point(&self, pointer: &str) -> Option<&Self> {
        if pointer.is_empty() {
            return Some(self);
        }
        let names = pointer.strip_prefix('/')?.split('/');
        names.map(unescape).try_fold(self, |node, name| {
            if node.is_list() {
                // No signs, no leading zeros: the standard has one spelling for each index.
                let index: usize = name.parse().ok()?;
                if index.to_string() != name {
                    return None;
                }
                return node.items().get(index);
            }
            node.get(&name)
        })
    }
}

fn unescape(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

/// The last name of a pointer.
pub(in crate::formats) fn last_name(pointer: &str) -> String {
    unescape(pointer.rsplit('/').next().unwrap_or_default())
}

/// It is empty or begins with a slash, and `~` stands only before 0 or 1.
pub(in crate::formats) fn is_pointer(pointer: &str) -> bool {
    (pointer.is_empty() || pointer.starts_with('/'))
        && pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}
