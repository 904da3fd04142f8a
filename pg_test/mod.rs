// Tests that run inside the server; in folders named as those of src/, included into the module `tests`.

include!("types/vector.rs");
