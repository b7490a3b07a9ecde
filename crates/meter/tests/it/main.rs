//! Tests of the meter over whole captures, beside what independent tools say of them.

mod captures;

mod volume_truth;
