-- The functions of pg_test/types/vector.rs, which call those of the types as the server does: an error fails.
CREATE FUNCTION vector_recv_survives_any_bytes() RETURNS void LANGUAGE c AS '$libdir/conifer', 'vector_recv_survives_any_bytes_wrapper';
CREATE FUNCTION vector_in_survives_any_text() RETURNS void LANGUAGE c AS '$libdir/conifer', 'vector_in_survives_any_text_wrapper';
CREATE FUNCTION vector_text_gives_back_every_float() RETURNS void LANGUAGE c AS '$libdir/conifer', 'vector_text_gives_back_every_float_wrapper';
CREATE FUNCTION corrupted_values_are_refused() RETURNS void LANGUAGE c AS '$libdir/conifer', 'corrupted_values_are_refused_wrapper';
CREATE FUNCTION errors_do_not_leak_into_the_next_call() RETURNS void LANGUAGE c AS '$libdir/conifer', 'errors_do_not_leak_into_the_next_call_wrapper';
SELECT vector_recv_survives_any_bytes();
SELECT vector_in_survives_any_text();
SELECT vector_text_gives_back_every_float();
SELECT corrupted_values_are_refused();
SELECT errors_do_not_leak_into_the_next_call();
