//! The three metrics of an index.

use crate::fault::{Fault, Result, quoted, state::INVALID_PARAMETER_VALUE};

/// How an index compares vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Cosine similarity; higher is better.
    Cosine,
    /// Squared Euclidean distance; lower is better.
    Euclidean,
    /// Inner product; higher is better.
    DotProduct,
}

impl Metric {
    /// Reads Pinecone's name of a metric.
    ///
    /// # Errors
    /// 22023 for any other name.
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "cosine" => Ok(Self::Cosine),
            "euclidean" => Ok(Self::Euclidean),
            "dotproduct" => Ok(Self::DotProduct),
            _ => Err(Fault::new(INVALID_PARAMETER_VALUE, format!("unrecognized metric {}", quoted(name)))
                .hint("Use \"cosine\", \"euclidean\" or \"dotproduct\".")),
        }
    }

    /// Pinecone's name of the metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Euclidean => "euclidean",
            Self::DotProduct => "dotproduct",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for metric in [Metric::Cosine, Metric::Euclidean, Metric::DotProduct] {
            assert_eq!(Metric::from_name(metric.name()), Ok(metric));
        }
        assert!(Metric::from_name("Cosine").is_err());
    }
}
