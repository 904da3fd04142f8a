-- What a gateway needs of a database: the extension, and a role for its pool.
CREATE EXTENSION conifer;
CREATE ROLE pinecone_gateway LOGIN;
GRANT conifer_gateway TO pinecone_gateway;
ALTER ROLE pinecone_gateway SET session_preload_libraries = 'conifer';
