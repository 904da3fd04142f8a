-- The catalog rows of the types against the contract: each query lists what is missing or too much.
-- Objects of Conifer's own (pc_…) and access methods are not looked at.
CREATE TEMP TABLE ours AS
SELECT d.classid::regclass::text AS catalog, d.objid
FROM pg_depend d JOIN pg_depend t ON t.refclassid = d.refclassid AND t.refobjid = d.refobjid
WHERE d.deptype = 'e' AND t.deptype = 'e' AND t.classid = 'pg_type'::regclass AND t.objid = 'vector'::regtype;
CREATE TEMP TABLE functions AS
SELECT p.*, p.oid::regprocedure::text AS signature
FROM pg_proc p JOIN ours ON catalog = 'pg_proc' AND objid = p.oid
WHERE proname !~ '^(pc|hnsw|inverted|ivfflat)' AND pronamespace::regnamespace::text NOT IN ('pc', 'pc_auth');

CREATE TEMP TABLE contract (signature text, result text);
INSERT INTO contract VALUES
    ('vector_in(cstring,oid,integer)', 'vector'), ('vector_out(vector)', 'cstring'), ('vector_typmod_in(cstring[])', 'integer'),
    ('vector_recv(internal,oid,integer)', 'vector'), ('vector_send(vector)', 'bytea'), ('l2_distance(vector,vector)', 'double precision'),
    ('inner_product(vector,vector)', 'double precision'), ('cosine_distance(vector,vector)', 'double precision'),
    ('l1_distance(vector,vector)', 'double precision'), ('vector_l2_squared_distance(vector,vector)', 'double precision'),
    ('vector_negative_inner_product(vector,vector)', 'double precision'), ('vector_norm(vector)', 'double precision'),
    ('l2_normalize(vector)', 'vector'), ('vector_lt(vector,vector)', 'boolean'), ('vector_le(vector,vector)', 'boolean'),
    ('vector_eq(vector,vector)', 'boolean'), ('vector_ne(vector,vector)', 'boolean'), ('vector_ge(vector,vector)', 'boolean'),
    ('vector_gt(vector,vector)', 'boolean'), ('vector_cmp(vector,vector)', 'integer'), ('vector(vector,integer,boolean)', 'vector'),
    ('array_to_vector(integer[],integer,boolean)', 'vector'), ('array_to_vector(real[],integer,boolean)', 'vector'),
    ('array_to_vector(double precision[],integer,boolean)', 'vector'), ('array_to_vector(numeric[],integer,boolean)', 'vector'),
    ('vector_dims(vector)', 'integer'), ('binary_quantize(vector)', 'bit'), ('subvector(vector,integer,integer)', 'vector'),
    ('vector_spherical_distance(vector,vector)', 'double precision'), ('vector_add(vector,vector)', 'vector'),
    ('vector_sub(vector,vector)', 'vector'), ('vector_mul(vector,vector)', 'vector'), ('vector_concat(vector,vector)', 'vector'),
    ('vector_accum(double precision[],vector)', 'double precision[]'), ('vector_avg(double precision[])', 'vector'),
    ('vector_combine(double precision[],double precision[])', 'double precision[]'), ('vector_to_float4(vector,integer,boolean)', 'real[]'),
    ('vector_to_halfvec(vector,integer,boolean)', 'halfvec'), ('vector_to_sparsevec(vector,integer,boolean)', 'sparsevec'),
    ('halfvec_in(cstring,oid,integer)', 'halfvec'), ('halfvec_out(halfvec)', 'cstring'), ('halfvec_typmod_in(cstring[])', 'integer'),
    ('halfvec_recv(internal,oid,integer)', 'halfvec'), ('halfvec_send(halfvec)', 'bytea'), ('l2_distance(halfvec,halfvec)', 'double precision'),
    ('inner_product(halfvec,halfvec)', 'double precision'), ('cosine_distance(halfvec,halfvec)', 'double precision'),
    ('l1_distance(halfvec,halfvec)', 'double precision'), ('halfvec_l2_squared_distance(halfvec,halfvec)', 'double precision'),
    ('halfvec_negative_inner_product(halfvec,halfvec)', 'double precision'), ('l2_norm(halfvec)', 'double precision'),
    ('l2_normalize(halfvec)', 'halfvec'), ('halfvec_lt(halfvec,halfvec)', 'boolean'), ('halfvec_le(halfvec,halfvec)', 'boolean'),
    ('halfvec_eq(halfvec,halfvec)', 'boolean'), ('halfvec_ne(halfvec,halfvec)', 'boolean'), ('halfvec_ge(halfvec,halfvec)', 'boolean'),
    ('halfvec_gt(halfvec,halfvec)', 'boolean'), ('halfvec_cmp(halfvec,halfvec)', 'integer'), ('halfvec(halfvec,integer,boolean)', 'halfvec'),
    ('array_to_halfvec(integer[],integer,boolean)', 'halfvec'), ('array_to_halfvec(real[],integer,boolean)', 'halfvec'),
    ('array_to_halfvec(double precision[],integer,boolean)', 'halfvec'), ('array_to_halfvec(numeric[],integer,boolean)', 'halfvec'),
    ('vector_dims(halfvec)', 'integer'), ('binary_quantize(halfvec)', 'bit'), ('subvector(halfvec,integer,integer)', 'halfvec'),
    ('halfvec_spherical_distance(halfvec,halfvec)', 'double precision'), ('halfvec_add(halfvec,halfvec)', 'halfvec'),
    ('halfvec_sub(halfvec,halfvec)', 'halfvec'), ('halfvec_mul(halfvec,halfvec)', 'halfvec'), ('halfvec_concat(halfvec,halfvec)', 'halfvec'),
    ('halfvec_accum(double precision[],halfvec)', 'double precision[]'), ('halfvec_avg(double precision[])', 'halfvec'),
    ('halfvec_combine(double precision[],double precision[])', 'double precision[]'), ('halfvec_to_float4(halfvec,integer,boolean)', 'real[]'),
    ('halfvec_to_vector(halfvec,integer,boolean)', 'vector'), ('halfvec_to_sparsevec(halfvec,integer,boolean)', 'sparsevec'),
    ('sparsevec_in(cstring,oid,integer)', 'sparsevec'), ('sparsevec_out(sparsevec)', 'cstring'), ('sparsevec_typmod_in(cstring[])', 'integer'),
    ('sparsevec_recv(internal,oid,integer)', 'sparsevec'), ('sparsevec_send(sparsevec)', 'bytea'),
    ('l2_distance(sparsevec,sparsevec)', 'double precision'), ('inner_product(sparsevec,sparsevec)', 'double precision'),
    ('cosine_distance(sparsevec,sparsevec)', 'double precision'), ('l1_distance(sparsevec,sparsevec)', 'double precision'),
    ('sparsevec_l2_squared_distance(sparsevec,sparsevec)', 'double precision'),
    ('sparsevec_negative_inner_product(sparsevec,sparsevec)', 'double precision'), ('l2_norm(sparsevec)', 'double precision'),
    ('l2_normalize(sparsevec)', 'sparsevec'), ('sparsevec_lt(sparsevec,sparsevec)', 'boolean'), ('sparsevec_le(sparsevec,sparsevec)', 'boolean'),
    ('sparsevec_eq(sparsevec,sparsevec)', 'boolean'), ('sparsevec_ne(sparsevec,sparsevec)', 'boolean'),
    ('sparsevec_ge(sparsevec,sparsevec)', 'boolean'), ('sparsevec_gt(sparsevec,sparsevec)', 'boolean'),
    ('sparsevec_cmp(sparsevec,sparsevec)', 'integer'), ('sparsevec(sparsevec,integer,boolean)', 'sparsevec'),
    ('array_to_sparsevec(integer[],integer,boolean)', 'sparsevec'), ('array_to_sparsevec(real[],integer,boolean)', 'sparsevec'),
    ('array_to_sparsevec(double precision[],integer,boolean)', 'sparsevec'), ('array_to_sparsevec(numeric[],integer,boolean)', 'sparsevec'),
    ('sparsevec_to_vector(sparsevec,integer,boolean)', 'vector'), ('sparsevec_to_halfvec(sparsevec,integer,boolean)', 'halfvec'),
    ('hamming_distance(bit,bit)', 'double precision'), ('jaccard_distance(bit,bit)', 'double precision');

-- functions: all LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
SELECT count(*) FROM contract;
SELECT coalesce(c.signature, f.signature) AS signature, CASE WHEN f.signature IS NULL THEN 'missing' WHEN c.signature IS NULL THEN 'too much' ELSE 'different' END
FROM contract c FULL JOIN (SELECT * FROM functions WHERE prokind = 'f') f ON f.signature = c.signature
WHERE (c.result, 'c', 'i', true, 's', false, false, 1, NULL::text[])
    IS DISTINCT FROM (f.prorettype::regtype::text, (SELECT lanname FROM pg_language l WHERE l.oid = prolang), provolatile, proisstrict, proparallel, proretset, prosecdef, procost, proconfig);

-- the types
SELECT typname, typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze, typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typalign, typstorage, typelem, typarray::regtype
FROM pg_type JOIN ours ON catalog = 'pg_type' AND objid = pg_type.oid WHERE typtype = 'b' AND typelem = 0 ORDER BY 1;

-- aggregates
SELECT signature, proparallel, aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggtranstype::regtype, agginitval, aggsortop, aggkind
FROM functions JOIN pg_aggregate ON aggfnoid = functions.oid ORDER BY 1;

-- operators: 14 of vector, 14 of halfvec, 10 of sparsevec, 2 of bit
CREATE TEMP TABLE operators AS SELECT o.* FROM pg_operator o JOIN ours ON catalog = 'pg_operator' AND objid = o.oid
WHERE (SELECT pronamespace::regnamespace::text FROM pg_proc WHERE oid = oprcode) <> 'pc';
SELECT count(*) FROM operators;
SELECT coalesce(t.type, o.oprleft::regtype::text) AS type, coalesce(c.name, o.oprname) AS operator, CASE WHEN o.oid IS NULL THEN 'missing' WHEN c.name IS NULL THEN 'too much' ELSE 'different' END
FROM (VALUES
    ('<->', 'l2_distance', '<->', NULL, NULL), ('<#>', '%_negative_inner_product', '<#>', NULL, NULL),
    ('<=>', 'cosine_distance', '<=>', NULL, NULL), ('<+>', 'l1_distance', '<+>', NULL, NULL),
    ('+', '%_add', '+', NULL, NULL), ('-', '%_sub', NULL, NULL, NULL), ('*', '%_mul', '*', NULL, NULL), ('||', '%_concat', NULL, NULL, NULL),
    ('<', '%_lt', '>', '>=', 'scalarlt'), ('<=', '%_le', '>=', '>', 'scalarle'), ('=', '%_eq', '=', '<>', 'eq'),
    ('<>', '%_ne', '<>', '=', 'eq'), ('>=', '%_ge', '<=', '<', 'scalarge'), ('>', '%_gt', '<', '<=', 'scalargt'),
    ('<~>', 'hamming_distance', '<~>', NULL, NULL), ('<%>', 'jaccard_distance', '<%>', NULL, NULL)
) c(name, function, commutator, negator, selectivity)
JOIN unnest(ARRAY['vector', 'halfvec', 'sparsevec', 'bit']) t(type)
    ON CASE type WHEN 'bit' THEN name IN ('<~>', '<%>') WHEN 'sparsevec' THEN name NOT IN ('+', '-', '*', '||', '<~>', '<%>') ELSE name NOT IN ('<~>', '<%>') END
FULL JOIN operators o ON o.oprname = c.name AND o.oprleft = t.type::regtype AND o.oprright = o.oprleft
WHERE (replace(function, '%', type) || format('(%s,%s)', type, type), commutator, negator, coalesce(selectivity || 'sel', '-'), coalesce(selectivity || 'joinsel', '-'), false, false)
    IS DISTINCT FROM (oprcode::oid::regprocedure::text, (SELECT x.oprname::text FROM pg_operator x WHERE x.oid = o.oprcom),
        (SELECT x.oprname::text FROM pg_operator x WHERE x.oid = o.oprnegate), oprrest::text, oprjoin::text, oprcanhash, oprcanmerge)
ORDER BY 1, 2;

-- casts: 7 implicit, 16 by assignment
CREATE TEMP TABLE casts AS SELECT k.* FROM pg_cast k JOIN ours ON catalog = 'pg_cast' AND objid = k.oid;
SELECT castcontext, count(*) FROM casts GROUP BY 1 ORDER BY 1;
SELECT coalesce(c.source, castsource::regtype::text) AS source, coalesce(c.target, casttarget::regtype::text) AS target,
       CASE WHEN k.oid IS NULL THEN 'missing' WHEN c.source IS NULL THEN 'too much' ELSE 'different' END
FROM (
    SELECT t, t, format('%s(%s,integer,boolean)', t, t), 'i' FROM unnest(ARRAY['vector', 'halfvec', 'sparsevec']) t
    UNION ALL
    SELECT a, t, format('array_to_%s(%s,integer,boolean)', t, a), 'a'
    FROM unnest(ARRAY['vector', 'halfvec', 'sparsevec']) t, unnest(ARRAY['integer[]', 'real[]', 'double precision[]', 'numeric[]']) a
    UNION ALL
    SELECT s, t, format('%s_to_%s(%s,integer,boolean)', s, CASE t WHEN 'real[]' THEN 'float4' ELSE t END, s), context
    FROM (VALUES ('vector', 'real[]', 'i'), ('vector', 'halfvec', 'i'), ('vector', 'sparsevec', 'i'), ('halfvec', 'sparsevec', 'i'),
                 ('halfvec', 'vector', 'a'), ('halfvec', 'real[]', 'a'), ('sparsevec', 'vector', 'a'), ('sparsevec', 'halfvec', 'a')) x(s, t, context)
) c(source, target, function, context)
FULL JOIN casts k ON k.castsource = c.source::regtype AND k.casttarget = c.target::regtype
WHERE (function, context, 'f') IS DISTINCT FROM (castfunc::regprocedure::text, castcontext::text, castmethod::text)
ORDER BY 1, 2;

-- the btree classes
SELECT opcname, opcdefault, opckeytype, amopstrategy, amoppurpose, amopopr::regoperator
FROM pg_opclass o JOIN ours ON catalog = 'pg_opclass' AND objid = o.oid JOIN pg_am am ON am.oid = opcmethod JOIN pg_amop ON amopfamily = opcfamily
WHERE amname = 'btree' ORDER BY opcintype, amopstrategy;
SELECT amprocnum, amproc::regprocedure FROM pg_amproc JOIN pg_opfamily f ON f.oid = amprocfamily JOIN ours ON catalog = 'pg_opfamily' AND objid = f.oid
JOIN pg_am am ON am.oid = opfmethod WHERE amname = 'btree' ORDER BY amproclefttype;

-- nothing names the schema of the extension, so that the types can be created anywhere
SELECT count(*) FROM functions WHERE proconfig IS NOT NULL;
