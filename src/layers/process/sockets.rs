//! Which processes listen on a port.

use std::{collections::BTreeSet, fs, path::Path};

/// Those who listen on a port.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listeners {
    /// The processes that hold the socket.
    pub(super) pids: BTreeSet<u32>,
    /// Users of sockets that none of the processes which may be looked into holds.
    pub(super) hidden_users: BTreeSet<u32>,
}

/// Asks the sockets of this network first: most ports are nobody's, and then no process is looked
/// into.
pub(super) fn listeners(root: &Path, processes: impl Iterator<Item = u32>, port: u16) -> Listeners {
    let mut sockets = Vec::new();
    for name in ["net/tcp", "net/tcp6"] {
        let text = fs::read_to_string(root.join(name)).unwrap_or_default();
        sockets.extend(text.lines().filter_map(|line| listening(line, port)));
    }
    let mut found = Listeners::default();
    if sockets.is_empty() {
        return found;
    }
    let names: Vec<String> = sockets.iter().map(|(_, inode)| format!("socket:[{inode}]")).collect();
    let mut seen = vec![false; sockets.len()];
    for pid in processes {
        let Ok(descriptors) = fs::read_dir(root.join(pid.to_string()).join("fd")) else { continue };
        for target in descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()) {
            let Some(target) = target.to_str() else { continue };
            if let Some(at) = names.iter().position(|name| name == target) {
                seen[at] = true;
                found.pids.insert(pid);
            }
        }
    }
    let unseen = sockets.iter().zip(seen).filter(|(_, seen)| !seen);
    found.hidden_users = unseen.map(|((user, _), _)| *user).collect();
    found
}

/// User and inode of a socket that listens on this port, from a line of `/proc/net/tcp`.
fn listening(line: &str, port: u16) -> Option<(u32, u64)> {
    const LISTENING: &str = "0A";
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let local = fields.get(1)?.rsplit(':').next()?;
    let listens = *fields.get(3)? == LISTENING && u16::from_str_radix(local, 16) == Ok(port);
    if !listens {
        return None;
    }
    Some((fields.get(7)?.parse().ok()?, fields.get(9)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 \
                        00000000    33        0 123456 1 0000000000000000 100 0 0 10 0";

    #[test]
    fn listening_sockets_of_the_port_count() {
        assert_eq!(listening(LINE, 8080), Some((33, 123_456)));
        assert_eq!(listening(LINE, 80), None);
        assert_eq!(listening(&LINE.replace(" 0A ", " 01 "), 8080), None);
        assert_eq!(listening("  sl  local_address rem_address   st tx_queue", 8080), None);
    }

    #[test]
    fn a_socket_that_nobody_here_holds_has_a_hidden_owner() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("net")).unwrap();
        fs::write(root.path().join("net/tcp"), LINE).unwrap();
        fs::create_dir_all(root.path().join("7/fd")).unwrap();
        let found = |pids: &[u32]| listeners(root.path(), pids.iter().copied(), 8080);
        assert_eq!(found(&[7]).hidden_users, BTreeSet::from([33]));
        std::os::unix::fs::symlink("socket:[123456]", root.path().join("7/fd/3")).unwrap();
        assert_eq!(found(&[7]).pids, BTreeSet::from([7]));
        assert!(found(&[7]).hidden_users.is_empty());
    }
}
