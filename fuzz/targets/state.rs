//! Saved session state: any octets are taken or refused, and what was taken or learnt is the same when saved again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_codec::{Config, Decoder, Output, shard};
use weir_fuzz::{datagrams, messages};

fuzz_target!(|input: &[u8]| {
    let mut decoder = Decoder::new(Config::default());
    if input.first() == Some(&b'{') {
        if decoder.load(input).is_err() {
            assert_eq!(decoder.save(), Decoder::new(Config::default()).save(), "what is refused leaves nothing behind");
            return;
        }
    } else {
        let mut out = Output::default();
        for datagram in datagrams(messages(input)) {
            shard::shard_key(datagram.payload, datagram.from);
            decoder.decode(&datagram, &mut out);
        }
    }
    let saved = decoder.save();
    let mut again = Decoder::new(Config::default());
    assert!(again.load(&saved).is_ok(), "what was saved can be loaded");
    assert_eq!(saved, again.save(), "what was loaded is saved as it was");
});
