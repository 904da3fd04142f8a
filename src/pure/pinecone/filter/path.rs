//! Where in a filter something stands.

use std::fmt;

/// A path from the top of a filter, on the stack of whoever reads it.
pub(super) enum Path<'a> {
    /// The filter itself.
    Top,
    /// A key of an object.
    Key(&'a Path<'a>, &'a str),
    /// An element of a list, from 0.
    Item(&'a Path<'a>, usize),
}

/// Characters of a key that are shown.
const SHOWN: usize = 64;

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Key(above, key) => {
                above.fmt(f)?;
                if !matches!(above, Self::Top) {
                    f.write_str(".")?;
                }
                match key.char_indices().nth(SHOWN) {
                    Some((end, _)) => write!(f, "{}...", &key[..end]),
                    None => f.write_str(key),
                }
            }
            Self::Item(above, i) => {
                above.fmt(f)?;
                write!(f, "[{i}]")
            }
        }
    }
}
