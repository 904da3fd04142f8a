//! The keys under which a record stands in an inverted index.

use super::key::Key;
use super::metadata::{Metadata, Value};

/// Gives a key for each value of each field, for each element of a list; one at least for each field.
///
/// # Errors
/// What `take` refuses with.
pub fn terms<E>(metadata: &impl Metadata, mut take: impl FnMut(&Key) -> Result<(), E>) -> Result<(), E> {
    for (name, value) in metadata.fields() {
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
