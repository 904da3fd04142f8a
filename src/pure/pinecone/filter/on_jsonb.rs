//! Metadata in the server's binary form.

use super::metadata::{Metadata, Scalar, Value};
use crate::jsonb::{Container, Item};

impl Metadata for Container<'_> {
    type Value<'a>
        = Item<'a>
    where
        Self: 'a;

    #[inline]
    fn get(&self, field: &[u8]) -> Option<Item<'_>> {
        Container::get(self, field)
    }

    fn fields(&self) -> impl Iterator<Item = (&[u8], Item<'_>)> {
        Container::fields(*self)
    }
}

impl Value for Item<'_> {
    #[inline]
    fn scalar(&self) -> Option<Scalar<'_>> {
        match self {
            Item::Container(container) if container.is_array() => None,
            item => Some(scalar(*item)),
        }
    }

    #[inline]
    fn any(&self, mut test: impl FnMut(Scalar<'_>) -> bool) -> bool {
        match self {
            Item::Container(container) if container.is_array() => {
                container.elements().any(|element| test(scalar(element)))
            }
            item => test(scalar(*item)),
        }
    }
}

#[inline]
fn scalar(item: Item<'_>) -> Scalar<'_> {
    match item {
        Item::Text(text) => Scalar::Text(text),
        Item::Number(number) => Scalar::Number(number.to_f64()),
        Item::Bool(value) => Scalar::Bool(value),
        Item::Null | Item::Container(_) => Scalar::Other,
    }
}
