//! Tests of the decoders from outside: against captures whose contents independent tools have told.

mod template_truth;

// The protocols without templates.
mod netflow5;
mod sflow;
mod truth;
