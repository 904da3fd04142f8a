//! Levels of access, one for each plane.

use crate::fault::state::INVALID_PARAMETER_VALUE;
use crate::fault::{Fault, Result, quoted};

/// Level of access on a plane. The order is by power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// Nothing, not even reads.
    #[default]
    None,
    /// Reads.
    ReadOnly,
    /// Reads and writes.
    ReadWrite,
}

/// The two halves of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// Indexes, backups, collections.
    Control,
    /// Records.
    Data,
}

/// A level on each plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Levels {
    /// On indexes, backups and collections.
    pub control: Level,
    /// On records.
    pub data: Level,
}

impl Level {
    /// Pinecone's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::ReadOnly => "ReadOnly",
            Self::ReadWrite => "ReadWrite",
        }
    }

    /// The level that a word names, in any case.
    ///
    /// # Errors
    /// 22023 for another word; `argument` is where it was found.
    pub fn from_name(name: &str, argument: &str) -> Result<Self> {
        [Self::None, Self::ReadOnly, Self::ReadWrite]
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                let message = format!("{argument} {} is not None, ReadOnly or ReadWrite", quoted(name));
                Fault::new(INVALID_PARAMETER_VALUE, message)
            })
    }

    /// The letter that catalogs store.
    pub fn letter(self) -> &'static str {
        match self {
            Self::None => "n",
            Self::ReadOnly => "r",
            Self::ReadWrite => "w",
        }
    }

    /// The level that a letter stands for; none stands for None.
    pub fn from_letter(letter: &str) -> Self {
        match letter {
            "w" => Self::ReadWrite,
            "r" => Self::ReadOnly,
            _ => Self::None,
        }
    }
}

impl Plane {
    /// The plane as messages name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "control plane",
            Self::Data => "data plane",
        }
    }
}

impl Levels {
    /// Everything, which Pinecone calls All.
    pub const ALL: Self = Self { control: Level::ReadWrite, data: Level::ReadWrite };

    /// The level on a plane.
    pub fn on(self, plane: Plane) -> Level {
        match plane {
            Plane::Control => self.control,
            Plane::Data => self.data,
        }
    }

    /// The higher of the two on each plane.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self { control: self.control.max(other.control), data: self.data.max(other.data) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for level in [Level::None, Level::ReadOnly, Level::ReadWrite] {
            assert_eq!(Level::from_name(level.name(), "data_plane"), Ok(level));
            assert_eq!(Level::from_name(&level.name().to_lowercase(), "data_plane"), Ok(level));
            assert_eq!(Level::from_letter(level.letter()), level);
        }
        let fault = Level::from_name("All", "control_plane").unwrap_err();
        assert_eq!(fault.message, "control_plane \"All\" is not None, ReadOnly or ReadWrite");
        assert_eq!(Level::from_letter("x"), Level::None);
    }

    #[test]
    fn union_takes_the_higher_of_each() {
        let a = Levels { control: Level::ReadOnly, data: Level::ReadWrite };
        let b = Levels { control: Level::ReadWrite, data: Level::None };
        assert_eq!(a.union(b), Levels::ALL);
        assert_eq!(Levels::default().union(a), a);
        assert_eq!((a.on(Plane::Control), a.on(Plane::Data)), (Level::ReadOnly, Level::ReadWrite));
    }
}
