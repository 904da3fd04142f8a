// Tests that run inside the server; a file for each subject, included into the module `tests`.

include!("vector.rs");
