// Tests that run inside the server: a file for each subject, in folders named as those of src/, included into the module `tests`.

include!("pinecone/audit.rs");
include!("types/vector.rs");
