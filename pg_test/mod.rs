// Tests that run inside the server: a file for each subject, in folders named as those of src/, included into the module `tests`.

include!("types/vector.rs");
