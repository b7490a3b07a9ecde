//! Workers: both directions of a connection meet, on whichever interface they come.

use std::collections::HashMap;
use std::num::NonZeroU8;

use weir_capture::{LiveCapture, LiveConfig};

use super::drain_all;
use super::frames::{Ends, TCP, UDP, tagged};
use super::net::{Net, RawSender};

/// Which worker each frame reached, by its octets.
type Reached = HashMap<Vec<u8>, usize>;

const WORKERS: NonZeroU8 = NonZeroU8::new(2).unwrap();

fn open(net: &Net, end: usize, interface: &str) -> Vec<LiveCapture> {
    net.within(end, || LiveCapture::open_workers(&LiveConfig::new(interface), WORKERS)).unwrap()
}

/// Drains all workers and checks that each of the frames reached exactly one.
fn reached(captures: &mut [LiveCapture], sent: &[Vec<u8>]) -> Reached {
    let mut reached = Reached::new();
    for (worker, kept) in drain_all(captures, sent.len()).into_iter().enumerate() {
        for frame in kept {
            assert_eq!(reached.insert(frame.data, worker), None, "no frame reaches two workers");
        }
    }
    assert_eq!(reached.len(), sent.len());
    reached
}

/// Frames of a connection in one direction; all of them belong to one worker.
fn kinds(ends: Ends) -> Vec<Vec<Vec<u8>>> {
    let [first, last] = ends.fragments();
    let tagged_tcp = tagged(&ends.ipv4(TCP), 0x8100, 7);
    let twice = tagged(&tagged_tcp, 0x88a8, 9);
    vec![vec![ends.ipv4(TCP), tagged_tcp, twice], vec![ends.ipv4(UDP), first, last], vec![ends.ipv6(TCP)], vec![ends.ipv6(UDP)]]
}

/// All connections in one direction, by kind.
fn flows(direction: fn(Ends) -> Ends) -> Vec<Vec<Vec<u8>>> {
    (0..100).flat_map(|n| kinds(direction(Ends::numbered(n)))).collect()
}

#[test]
fn both_directions_meet_on_two_interfaces() {
    let Some(net) = Net::with_pairs(2) else { return };
    let (there, back) = (flows(|ends| ends), flows(Ends::reversed));
    let unique = |flows: &[Vec<Vec<u8>>]| {
        let mut frames = flows.concat();
        frames.sort();
        frames.dedup();
        frames
    };
    let (sent_there, sent_back) = (unique(&there), unique(&back));

    // One direction on the first interface, the other on the second; each is seen going out and coming in.
    let mut captures = [open(&net, 0, "a0"), open(&net, 1, "b0"), open(&net, 0, "a1"), open(&net, 1, "b1")];
    net.within(0, || {
        RawSender::open("a0").send(&sent_there);
        RawSender::open("a1").send(&sent_back);
    });
    let [out_there, in_there, out_back, in_back] = &mut captures;
    let (out_there, in_there) = (reached(out_there, &sent_there), reached(in_there, &sent_there));
    let (out_back, in_back) = (reached(out_back, &sent_back), reached(in_back, &sent_back));

    let mut share = [0; 2];
    for (there, back) in there.iter().zip(&back) {
        let worker = in_there[&there[0]];
        share[worker] += 1;
        for frame in there {
            assert_eq!((in_there[frame], out_there[frame]), (worker, worker), "{frame:02x?}");
        }
        for frame in back {
            assert_eq!((in_back[frame], out_back[frame]), (worker, worker), "{frame:02x?}");
        }
    }
    assert!(share[0].min(share[1]) > 100, "both work: {share:?}");
}

#[test]
fn workers_keep_their_numbers_when_the_interface_was_down() {
    let Some(net) = Net::with_pairs(1) else { return };
    let sent: Vec<_> = (0..100).map(|n| Ends::numbered(n).ipv4(TCP)).collect();
    let mut captures = open(&net, 1, "b0");
    let send = || net.within(0, || RawSender::open("a0").send(&sent));
    send();
    let before = reached(&mut captures, &sent);
    net.ip(1, "link set b0 down");
    net.ip(1, "link set b0 up");
    net.wait_up();
    send();
    let after = reached(&mut captures, &sent);
    assert!(before == after, "workers changed their numbers");
}
