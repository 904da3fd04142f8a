//! The length of a value's JSON text, without making the text: a number of six bytes may have one of a hundred thousand digits.

use super::container::{Container, Item};
use crate::fault::Result;
use crate::memory::allocation::push;

/// Whether the JSON text of a value certainly has more than `max` bytes. Escapes and blanks are not counted, so a text that is not
/// too long by this is at most some seven times as long.
///
/// # Errors
/// `53200` if there is no memory.
pub fn exceeds(value: Container<'_>, max: usize) -> Result<bool> {
    let mut open = vec![];
    push(&mut open, value)?;
    let mut len = 0;
    while let Some(container) = open.pop() {
        len += "{}".len();
        let fields = container.fields().map(|(key, item)| (key.len() + "\"\":".len(), item));
        for (key, item) in fields.chain(container.elements().map(|item| (0, item))) {
            len += key;
            match item {
                Item::Null | Item::Bool(true) => len += "null".len(),
                Item::Bool(false) => len += "false".len(),
                Item::Number(number) => len += number.text_len(),
                Item::Text(text) => len += text.len() + "\"\"".len(),
                Item::Container(inner) => push(&mut open, inner)?,
            }
            if len > max {
                return Ok(true);
            }
        }
    }
    Ok(len > max)
}
