//! The keys under which a record stands in an inverted index.

use super::key::Key;
use super::metadata::{Metadata, Value};

/// Gives a key for each value of each field, for each element of a list; one at least for each field.
///
/// # Errors
/// What `take` refuses with.
pub fn terms<E>(metadata: &impl Metadata, take: impl FnMut(&Key) -> Result<(), E>) -> Result<(), E> {
    terms_of(metadata, |_| true, take)
}

/// As [`terms`], of the fields that an index keeps.
///
/// # Errors
/// What `take` refuses with.
pub fn terms_of<E>(
    metadata: &impl Metadata,
    keeps: impl Fn(&[u8]) -> bool,
    mut take: impl FnMut(&Key) -> Result<(), E>,
) -> Result<(), E> {
    for (name, value) in metadata.fields().filter(|(name, _)| keeps(name)) {
        let field = Key::of_field(name);
        let (mut bare, mut refused) = (true, None);
        value.any(|scalar| {
            if let Some(key) = field.value(scalar) {
                bare = false;
                refused = take(&key).err();
            }
            refused.is_some()
        });
        match refused {
            Some(error) => return Err(error),
            None if bare => take(&field.bare())?,
            None => {}
        }
    }
    Ok(())
}
