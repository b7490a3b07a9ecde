//! Tests of the decoders from outside: against captures whose contents independent tools have told.

mod template_truth;
