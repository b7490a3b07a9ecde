//! Tests of the meter over whole captures, beside what independent tools say of them.

mod captures;

mod http_truth;
mod tcp_truth;
mod volume_truth;
