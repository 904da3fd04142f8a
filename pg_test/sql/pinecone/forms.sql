-- What is kept of an index in the forms of Pinecone's versions, and given back in all of them.
\set VERBOSITY terse
\pset expanded on
SELECT name, spec, schema, deployment, read_capacity FROM pc_create_index('none', 3);
SELECT spec, schema, deployment, read_capacity FROM pc_create_index('serverless', 3, 'euclidean', spec =>
    '{"serverless": {"cloud": "aws", "region": "us-east-1", "schema": {"fields": {"genre": {"filterable": true}}}}}');
SELECT spec, schema, deployment, read_capacity FROM pc_create_index('pod', 3, 'dotproduct', spec =>
    '{"pod": {"environment": "us-east1-gcp", "pod_type": "p1.x1", "replicas": 1, "shards": 1, "pods": 1}}');
SELECT spec, schema, deployment, read_capacity FROM pc_create_index('byoc', 3, spec =>
    '{"byoc": {"environment": "aws-x", "read_capacity": {"mode": "Dedicated", "dedicated": {"node_type": "b1", "scaling": "Manual", "manual": {"shards": 1, "replicas": 1}}}}}');
SELECT dimension, metric, vector_type, spec, schema, deployment, read_capacity FROM pc_create_index('new',
    schema => '{"fields": {"_values": {"type": "dense_vector", "dimension": 4, "metric": "dotproduct"}, "year": {"type": "float", "filterable": true}}}',
    deployment => '{"deployment_type": "managed", "cloud": "gcp", "region": "us-central1"}', read_capacity => '{"mode": "OnDemand"}');
-- what is configured: members of the same kind, one by one
SELECT spec, deployment FROM pc_configure_index('pod', spec => '{"pod": {"replicas": 2}}');
SELECT spec, deployment, read_capacity FROM pc_configure_index('new', read_capacity => '{"mode": "Dedicated", "dedicated": {"node_type": "t1"}}');
SELECT spec, deployment, read_capacity FROM pc_configure_index('pod', tags => '{"a": "b"}');
\pset expanded off
SELECT name, status, ready, storage FROM pc_list_indexes();

\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT pc_create_index('bad', 3, spec => '{}', deployment => '{"deployment_type": "managed"}');
SELECT pc_create_index('bad', 3, spec => '{"pod": {}, "serverless": {}}');
SELECT pc_create_index('bad', 3, deployment => '{"deployment_type": "moon"}');
SELECT pc_create_index('bad', 3, deployment => '[]');
SELECT pc_create_index('bad', 3, read_capacity => '{"mode": "Turbo"}');
SELECT pc_create_index('bad', 3, schema => '{"genre": {"filterable": true}}');
SELECT pc_create_index('bad', 3, schema => '{"fields": {"genre": {"filterable": false}}}');
SELECT pc_create_index('bad', 3, schema => '{"fields": {"_values": {"type": "dense_vector", "dimension": 4}}}');
SELECT pc_create_index('bad', schema => '{"fields": {"_values": {"type": "dense_vector", "dimension": 4, "metric": "l2"}}}');
SELECT pc_create_index('bad', schema => '{"fields": {"genre": {"filterable": true}}}');
SELECT pc_create_index('bad', schema => '{"fields": {"_sparse_values": {"type": "sparse_vector"}}}');
SELECT pc_create_index('bad', schema => '{"fields": {"vector": {"type": "dense_vector", "dimension": 4}}}');
SELECT pc_configure_index('pod', spec => '[]');
SELECT pc_configure_index('pod', read_capacity => '{}');
SELECT pc_delete_index(name) FROM pc_list_indexes();
