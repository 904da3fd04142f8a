-- Rows of a scan keep their places: ctid, FOR UPDATE, WHERE CURRENT OF. Own vectors are rounded, so each of these rows is
-- as near as another one, and the scan has to look into the table for their order.
SET enable_seqscan = off;
CREATE TABLE twin (id int PRIMARY KEY, tenant int, v vector(2));
INSERT INTO twin SELECT i, i % 2, ARRAY[i / 2 / 7.0, 1 + i / 2 / 3.0] FROM generate_series(0, 599) i;
CREATE INDEX twin_v ON twin USING hnsw (v vector_l2_ops);
ANALYZE twin;

EXPLAIN (costs off) SELECT id FROM twin ORDER BY v <-> '[1,0]' LIMIT 4;
SELECT id, ctid = (SELECT ctid FROM twin t WHERE t.id = twin.id) AS same FROM twin ORDER BY v <-> '[1,0]', id LIMIT 4;
SELECT id FROM (SELECT id FROM twin ORDER BY v <-> '[1,0]' LIMIT 4 FOR UPDATE) t ORDER BY id;
SELECT id FROM (SELECT id FROM twin ORDER BY v <-> '[1,0]' LIMIT 4 FOR NO KEY UPDATE SKIP LOCKED) t ORDER BY id;
SELECT id FROM (SELECT id FROM twin ORDER BY v <-> '[1,0]' LIMIT 4 FOR SHARE NOWAIT) t ORDER BY id;
SELECT id FROM (SELECT id FROM twin WHERE id % 3 = 0 ORDER BY v <-> '[1,0]' LIMIT 4 FOR KEY SHARE) t ORDER BY id;
SELECT count(*) FROM twin a JOIN (SELECT ctid FROM twin ORDER BY v <-> '[1,0]' LIMIT 40) b ON a.ctid = b.ctid;
SELECT count(*) AS wrong FROM (SELECT ctid, id, v FROM twin ORDER BY v <-> '[1,0]' LIMIT 40) b
 WHERE NOT EXISTS (SELECT FROM twin a WHERE (a.ctid, a.id) = (b.ctid, b.id));

-- Each row of one table with the nearest of another.
SELECT count(*), count(DISTINCT near.ctid) > 1 AS several, bool_and(near.ctid IS NOT NULL) AS all_places
  FROM generate_series(0, 20) i, LATERAL (SELECT ctid FROM twin ORDER BY v <-> ARRAY[i, i]::vector LIMIT 3) near;
SELECT sum(n) FROM generate_series(0, 20) i,
       LATERAL (SELECT count(*) n FROM twin WHERE ctid IN (SELECT ctid FROM twin ORDER BY v <-> ARRAY[i, i]::vector LIMIT 3)) near;

-- Cursors, forwards and held ones.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM twin ORDER BY v <-> '[1,0]' FOR UPDATE;
MOVE 2 FROM c;
FETCH 1 FROM c \gset
UPDATE twin SET tenant = 7 WHERE CURRENT OF c;
SELECT count(*), min(id) = :id AS that_one FROM twin WHERE tenant = 7;
DELETE FROM twin WHERE CURRENT OF c;
FETCH 1 FROM c \gset
DELETE FROM twin WHERE CURRENT OF c;
SELECT count(*) FROM twin;
ROLLBACK;
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT id, ctid FROM twin ORDER BY v <-> '[1,0]' LIMIT 6;
COMMIT;
FETCH 2 FROM c;
CLOSE c;

-- In every mode, and by every way that rows come.
CREATE TABLE seen (mode text, id int, place tid);
SET hnsw.iterative_scan = relaxed_order;
INSERT INTO seen SELECT 'relaxed', id, ctid FROM twin ORDER BY v <-> '[1,0]' LIMIT 300;
SET hnsw.iterative_scan = strict_order;
INSERT INTO seen SELECT 'strict', id, ctid FROM twin ORDER BY v <-> '[1,0]' LIMIT 300;
RESET hnsw.iterative_scan;
CREATE INDEX twin_key ON twin USING hnsw (tenant, v vector_cosine_ops);
INSERT INTO seen SELECT 'key', id, ctid FROM twin WHERE tenant = 1 ORDER BY v <=> '[1,0]' LIMIT 30;
CREATE INDEX twin_half ON twin USING hnsw ((v::halfvec(2)) halfvec_ip_ops);
INSERT INTO seen SELECT 'expression', id, ctid FROM twin ORDER BY v::halfvec(2) <#> '[1,0]' LIMIT 30;
DROP INDEX twin_v;
CREATE INDEX twin_lists ON twin USING ivfflat (v vector_l2_ops) WITH (lists = 2);
INSERT INTO seen SELECT 'ivfflat', id, ctid FROM twin ORDER BY v <-> '[1,0]' LIMIT 30;
SELECT mode, count(*), count(DISTINCT seen.id) AS ids, count(twin.id) AS with_place
  FROM seen LEFT JOIN twin ON (twin.ctid, twin.id) = (seen.place, seen.id) GROUP BY mode ORDER BY mode;

-- The statement that deleted two rows of four, and said nothing.
DELETE FROM twin WHERE ctid IN (SELECT ctid FROM twin ORDER BY v <-> '[1,0]' LIMIT 4);
SELECT count(*) FROM twin;
UPDATE twin SET tenant = 9 WHERE ctid = ANY (ARRAY(SELECT ctid FROM twin ORDER BY v <-> '[1,0]' LIMIT 10));
SELECT count(*) FROM twin WHERE tenant = 9;

-- Rows that a snapshot does not see do not come, and those that it sees do, whoever has changed them since.
BEGIN ISOLATION LEVEL REPEATABLE READ;
DECLARE c CURSOR FOR SELECT id FROM twin ORDER BY v <-> '[1,0]' LIMIT 20;
FETCH 1 FROM c \gset
DELETE FROM twin WHERE id % 2 = 0;
FETCH FORWARD 19 FROM c \g /dev/null
SELECT count(*) FROM (SELECT id FROM twin ORDER BY v <-> '[1,0]' LIMIT 20) t WHERE id % 2 = 1;
COMMIT;
