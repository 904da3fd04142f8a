//! SQL functions of the elements of dense vectors, for both types at once.

/// Defines functions of the elements, of a type `T`, of one or two dense vectors. Each function is exported by its
/// first name for `vector` and by its second one for `halfvec`.
macro_rules! of_vectors {
    () => {};
    ($(#[$doc:meta])* fn $name:ident, $half:ident($v:ident) -> $result:ty $body:block $($more:tt)*) => {
        $(#[$doc])*
        #[inline]
        fn $name<T: conifer_pure::types::element::Element>($v: &[T]) -> $result $body

        export_of!($name, $crate::engine::types::vector::Vector, 1, $name::<f32>);
        export_of!($half, $crate::engine::types::vector::HalfVec, 1, $name::<conifer_pure::types::element::f16>);
        of_vectors! { $($more)* }
    };
    ($(#[$doc:meta])* fn $name:ident, $half:ident($a:ident, $b:ident) -> $result:ty $body:block $($more:tt)*) => {
        $(#[$doc])*
        #[inline]
        fn $name<T: conifer_pure::types::element::Element>($a: &[T], $b: &[T]) -> $result $body

        export_of!($name, $crate::engine::types::vector::Vector, 2, $name::<f32>);
        export_of!($half, $crate::engine::types::vector::HalfVec, 2, $name::<conifer_pure::types::element::f16>);
        of_vectors! { $($more)* }
    };
}
pub(super) use of_vectors;
