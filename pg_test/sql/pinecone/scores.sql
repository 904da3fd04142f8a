-- Scores in Pinecone's convention, order and ties. Rounded where the last bit depends on the kernel.
SELECT name FROM pc_create_index('cos', 2) UNION ALL SELECT name FROM pc_create_index('euc', 8, 'euclidean')
UNION ALL SELECT name FROM pc_create_index('dot', 2, 'dotproduct');

-- cosine: the similarity itself
SELECT pc_upsert('cos', '[{"id": "a", "values": [2, 1]}, {"id": "b", "values": [-1, -1.5]}, {"id": "c", "values": [1.5, -1]}]');
SELECT id, round(score::numeric, 5) AS score FROM pc_query('cos', '[1,1.5]');

-- euclidean: the squared distance, ascending
SELECT pc_upsert('euc', jsonb_build_array(
    jsonb_build_object('id', 'far', 'values', array_fill(0.9, ARRAY[8])),
    jsonb_build_object('id', 'near', 'values', array_fill(0.2, ARRAY[8])),
    jsonb_build_object('id', 'same', 'values', array_fill(0.3, ARRAY[8]))));
SELECT id, round(score::numeric, 5) AS score FROM pc_query('euc', array_fill(0.3, ARRAY[8])::vector);

-- dotproduct: the product, descending, negative ones too
SELECT pc_upsert('dot', '[{"id": "a", "values": [2, 1]}, {"id": "b", "values": [-1, -1.5]}, {"id": "c", "values": [1.5, -1]}]');
SELECT id, score FROM pc_query('dot', '[1,1.5]');
SELECT id, score FROM pc_query('dot', '[0,0]');

-- ties by id, in byte order
SELECT pc_upsert('cos', '[{"id": "b2", "values": [5, 5]}, {"id": "B2", "values": [1, 1]}, {"id": "_", "values": [2, 2]},
                          {"id": "a2", "values": [3, 3]}, {"id": "10", "values": [1, 1]}, {"id": "9", "values": [1, 1]}]', 'ties');
SELECT id, round(score::numeric, 5) AS score FROM pc_query('cos', '[1,1]', namespace => 'ties', top_k => 4);
SELECT id, round(score::numeric, 5) AS score FROM pc_query('cos', id => '9', namespace => 'ties');

-- ties of the score as it is returned, not of the distance behind it
SELECT pc_upsert('cos', jsonb_agg(jsonb_build_object('id', chr(97 + (i * 7) % 26), 'values', ARRAY[i, 2 * i])), 'near ties')
  FROM generate_series(1, 26) i;
SELECT count(*) FROM (SELECT score, id, lag(score) OVER w AS last_score, lag(id) OVER w AS last_id
                        FROM pc_query('cos', '[1,2]', 26, 'near ties') WITH ORDINALITY AS q (id, score, v, s, m, place)
                      WINDOW w AS (ORDER BY place)) AS pairs
 WHERE score > last_score OR score = last_score AND id < last_id;

-- more ties than are sorted beside the statement
SELECT pc_upsert_many('cos', array_agg('t' || i), array_agg('[3,1]'::vector), array_agg(jsonb_build_object('half', i % 2)), namespace => 'many')
  FROM generate_series(1, 1800) i GROUP BY i / 1000 ORDER BY i / 1000;
SELECT id, round(score::numeric, 5) AS score, metadata FROM pc_query('cos', '[1,1]', 4, 'many', include_metadata => true);
SELECT id, metadata FROM pc_query('cos', '[1,1]', 4, 'many', '{"half": {"$gte": 0}}', include_metadata => true);
SELECT namespace, id, round(score::numeric, 5) AS score, "values" FROM pc_query_namespaces('cos', '[1,1]', ARRAY['many', 'ties'], 7, include_values => true);

-- top_k beyond the population returns what there is
SELECT count(*) FROM pc_query('cos', '[1,1]', top_k => 10000, namespace => 'ties');

-- scores are those of the operators
SELECT q.id, q.score = (1 - (t."values" <=> '[1,1.5]'))::real AS same
  FROM pc_query('cos', '[1,1.5]') q JOIN LATERAL pc_fetch('cos', ARRAY[q.id]) t ON true ORDER BY q.score DESC;

SELECT pc_delete_index(name) FROM pc_list_indexes();
