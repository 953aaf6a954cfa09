//! Layers linked by `source`, from the origin to the running process.

/// One path from an origin to the last layer that takes its value from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The credential.
    pub credential: String,
    /// The environment of the last layer.
    pub environment: String,
    /// Indexes of rows, origin first.
    pub rows: Vec<usize>,
    /// The first row where the value stops being the expected one.
    pub break_at: Option<usize>,
}
