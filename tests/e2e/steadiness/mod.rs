//! The operator repeats nothing and stops nothing because of what AWS rewrites or denies, because of requests in a loop,
//! or because of errors of the API server.

pub mod api_server_errors;
pub mod event_limits;
pub mod requests_in_a_loop;
pub mod rewritten_values;
pub mod several_denials;
pub mod tag_limit;
