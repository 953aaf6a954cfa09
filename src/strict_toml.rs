//! The one way a TOML file of ours is read: strictly, with every mistake at once, each at its place.
