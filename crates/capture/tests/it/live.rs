//! Live capture in network namespaces of its own: what the kernel gives is what was sent.
#![allow(clippy::print_stdout, reason = "tests say what they skip")]

mod frames;
mod net;

mod fanout;
mod offload;

use std::io::Write;
use std::net::UdpSocket;
use std::num::NonZeroU8;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use weir_capture::{Bpf, BpfError, LiveCapture, LiveConfig, LiveError};
use weir_testkit::{PATIENCE, wait_until};

use crate::ALLOCATOR;
use crate::make::Kept;
use frames::{Ends, TCP, UDP, ethernet, tagged};
use net::{Net, RawSender, tunnel, without_privilege};

/// Reads until so many frames came, and then until nothing came for a while: the kernel's timer that hands over what there is may be late.
fn drain(capture: &mut LiveCapture, expected: usize) -> Vec<Kept> {
    drain_all(std::slice::from_mut(capture), expected).remove(0)
}

/// The same of several at the same time, to which so many frames come together.
fn drain_all(captures: &mut [LiveCapture], expected: usize) -> Vec<Vec<Kept>> {
    let begun = Instant::now();
    let mut all: Vec<Vec<Kept>> = captures.iter().map(|_| Vec::new()).collect();
    let mut last_numbers = vec![None; captures.len()];
    let mut quiet_since = Instant::now();
    loop {
        let is_all = all.iter().map(Vec::len).sum::<usize>() >= expected || begun.elapsed() > PATIENCE;
        if is_all && quiet_since.elapsed() >= 2 * LiveCapture::MAX_DELAY {
            return all;
        }
        for ((capture, kept), last_number) in captures.iter_mut().zip(&mut all).zip(&mut last_numbers) {
            let Some(mut block) = capture.next_block(LiveCapture::MAX_DELAY).unwrap() else { continue };
            while let Some(frame) = block.next() {
                quiet_since = Instant::now();
                assert_eq!(frame.segment_size, 0);
                kept.push(Kept {
                    time_ns: frame.time_ns,
                    link_type: frame.link_type,
                    data: frame.data.to_vec(),
                    original_len: frame.original_len,
                    interface: frame.interface,
                });
                let previous = last_number.replace(frame.number);
                assert!(previous.is_none_or(|previous| previous + 1 == frame.number));
            }
        }
    }
}

/// Sends frames at the first end in parts that the queue between the two takes at once, each when the one before has arrived at this capture, which sees all of them.
fn send_in_parts(net: &Net, sent: &[Vec<u8>], capture: &mut LiveCapture) {
    let mut arrived = 0;
    for part in sent.chunks(500) {
        net.within(0, || RawSender::open("a0").send(part));
        arrived += part.len() as u64;
        wait_until("frames arrive", || capture.stats().unwrap().received >= arrived);
    }
}

fn data(kept: &[Kept]) -> Vec<Vec<u8>> {
    kept.iter().map(|frame| frame.data.clone()).collect()
}

/// Captures at the second end what is sent at the first, of which so many frames are seen.
fn captured(net: &Net, config: &LiveConfig, sent: &[Vec<u8>], seen: usize) -> Vec<Kept> {
    let mut capture = net.within(1, || LiveCapture::open(config)).unwrap();
    net.within(0, || RawSender::open("a0").send(sent));
    drain(&mut capture, seen)
}

fn now_ns() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as i64
}

/// False, and a line that says so, where there is no compiler.
fn can_compile() -> bool {
    let found = !matches!(Bpf::compile("ip", 1), Err(BpfError::NoCompiler { .. }));
    if !found {
        println!("skipped: needs libpcap");
    }
    found
}

#[test]
fn burst_is_seen_whole_at_both_ends() {
    let Some(net) = Net::with_pairs(1) else { return };
    let sent: Vec<_> = (0..5_000_u32)
        .map(|n| [Ends::numbered(n % 100).ipv4(UDP), n.to_be_bytes().to_vec(), vec![0; (n % 1_400) as usize]].concat())
        .collect();
    let mut at_sender = net.within(0, || LiveCapture::open(&LiveConfig::new("a0"))).unwrap();
    let before = now_ns();
    let mut at_receiver = net.within(1, || LiveCapture::open(&LiveConfig::new("b0"))).unwrap();
    send_in_parts(&net, &sent, &mut at_receiver);
    let received = drain(&mut at_receiver, sent.len());
    let after = now_ns();
    for kept in [received, drain(&mut at_sender, sent.len())] {
        assert_eq!(data(&kept), sent);
        assert!(kept.iter().all(|frame| frame.original_len as usize == frame.data.len() && frame.link_type == 1));
        assert!(kept.iter().all(|frame| (before..=after).contains(&frame.time_ns)));
        assert!(kept.is_sorted_by_key(|frame| frame.time_ns));
        assert!(kept.iter().all(|frame| frame.interface == kept[0].interface && frame.interface != 0));
    }
    let stats = at_sender.stats().unwrap();
    assert_eq!((stats.received, stats.dropped), (5_000, 0));
}

#[test]
fn snap_length_cuts_and_the_length_on_the_wire_stays() {
    let Some(net) = Net::with_pairs(1) else { return };
    let sent = [ethernet(0x88b5, &[7; 1_000]), ethernet(0x88b5, &[8; 40])];
    let config = LiveConfig { snap_length: 100, ..LiveConfig::new("b0") };
    let lengths = |config: &LiveConfig| -> Vec<_> {
        captured(&net, config, &sent, 2).iter().map(|frame| (frame.data.len(), frame.original_len)).collect()
    };
    assert_eq!(lengths(&config), [(100, 1_014), (54, 54)]);
    if can_compile() {
        let filter = Some("ether proto 0x88b5".to_owned());
        assert_eq!(lengths(&LiveConfig { filter, ..config }), [(100, 1_014), (54, 54)]);
    }
}

#[test]
fn vlan_tags_are_back_in_their_place() {
    let Some(net) = Net::with_pairs(1) else { return };
    let plain = Ends::numbered(1).ipv4(UDP);
    let one = tagged(&plain, 0x8100, 0x6007);
    let service = tagged(&one, 0x88a8, 0x0123);
    let sent = [plain, one, service, ethernet(0x0806, &[1; 28])];
    let kept = captured(&net, &LiveConfig::new("b0"), &sent, 4);
    assert_eq!(data(&kept), sent);
    assert!(kept.iter().all(|frame| frame.original_len as usize == frame.data.len()));
}

#[test]
fn filter_selects_the_same_frames_as_in_a_file() {
    if !can_compile() {
        return;
    }
    let Some(net) = Net::with_pairs(1) else { return };
    let connections = (0..50).map(Ends::numbered);
    let sent: Vec<_> = connections
        .flat_map(|ends| {
            let (tcp, udp) = (ends.ipv4(TCP), ends.ipv4(UDP));
            let (tagged_tcp, twice) = (tagged(&tcp, 0x8100, 7), tagged(&tagged(&udp, 0x8100, 8), 0x88a8, 7));
            [tcp, udp, tagged_tcp, twice, ends.ipv6(TCP), ends.reversed().ipv6(UDP)]
        })
        .collect();
    let filters = [
        "udp",
        "tcp dst port 443",
        "vlan 7",
        "vlan 7 and tcp",
        "vlan and vlan and udp",
        "not ip6",
        "greater 63",
        "portrange 30003-30007",
    ];
    for text in filters {
        let filter = Bpf::compile(text, 1).unwrap();
        let expected: Vec<_> = sent.iter().filter(|frame| filter.matches(frame, frame.len() as u32)).cloned().collect();
        let config = LiveConfig { filter: Some(text.to_owned()), ..LiveConfig::new("b0") };
        assert!(!expected.is_empty() && expected.len() < sent.len(), "{text}");
        assert_eq!(data(&captured(&net, &config, &sent, expected.len())), expected, "{text}");
    }
}

#[test]
fn filter_holds_from_the_first_frame_on() {
    if !can_compile() {
        return;
    }
    let Some(net) = Net::with_pairs(1) else { return };
    let sender = net.within(0, || RawSender::open("a0"));
    let until = Instant::now() + Duration::from_secs(1);
    let frames = vec![Ends::numbered(1).ipv4(UDP); 64];
    let config = LiveConfig { filter: Some("tcp".to_owned()), ..LiveConfig::new("b0") };
    thread::scope(|scope| {
        scope.spawn(|| {
            while Instant::now() < until {
                sender.send(&frames);
            }
        });
        while Instant::now() < until {
            let mut capture = net.within(1, || LiveCapture::open(&config)).unwrap();
            let block = capture.next_block(Duration::from_millis(60)).unwrap();
            assert!(block.is_none());
        }
    });
}

#[test]
fn what_has_no_room_is_counted() {
    let Some(net) = Net::with_pairs(1) else { return };
    let sent = vec![Ends::numbered(1).ipv4(UDP); 40_000];
    let config = LiveConfig { ring_bytes: 2 << 20, ..LiveConfig::new("a0") };
    let mut capture = net.within(0, || LiveCapture::open(&config)).unwrap();
    net.within(0, || RawSender::open("a0").send(&sent));
    let stats = capture.stats().unwrap();
    assert!(stats.dropped > 1_000 && stats.freezes > 0, "{stats:?}");
    assert_eq!(stats.received + stats.dropped, 40_000);
    let kept = drain(&mut capture, stats.received as usize);
    assert_eq!(kept.len() as u64, stats.received);
    // It goes on when there is room again.
    net.within(0, || RawSender::open("a0").send(&sent[..10]));
    assert_eq!(drain(&mut capture, 10).len(), 10);
}

#[test]
fn loopback_is_seen_once() {
    let Some(net) = Net::with_pairs(0) else { return };
    net.within(0, || {
        let mut capture = LiveCapture::open(&LiveConfig::new("lo")).unwrap();
        let sent = vec![Ends::numbered(1).ipv4(UDP); 100];
        RawSender::open("lo").send(&sent);
        assert_eq!(data(&drain(&mut capture, 100)), sent);
    });
}

#[test]
fn tunnel_has_no_link_header() {
    let Some(net) = Net::with_pairs(0) else { return };
    net.within(0, || {
        let Some(mut tunnel) = tunnel("t0") else { return };
        net.ip(0, "addr add 10.8.0.1/24 dev t0");
        net.ip(0, "link set t0 up");
        let workers = NonZeroU8::new(4).unwrap();
        let mut captures = LiveCapture::open_workers(&LiveConfig::new("t0"), workers).unwrap();
        // Out through the stack, and back.
        let ends = Ends { addresses: [0x0a08_0002, 0x0a08_0001], ports: [9, 40_000] };
        let socket = UdpSocket::bind("10.8.0.1:40000").unwrap();
        socket.send_to(b"out", "10.8.0.2:9").unwrap();
        let back = ends.ipv4(UDP).split_off(14);
        tunnel.write_all(&back).unwrap();
        let seen: Vec<_> = drain_all(&mut captures, 2).into_iter().filter(|kept| !kept.is_empty()).collect();
        let [kept] = &seen[..] else { panic!("both directions at one worker: {seen:?}") };
        let [out, into] = &kept[..] else { panic!("two packets: {kept:?}") };
        assert_eq!((out.link_type, into.link_type), (101, 101));
        assert_eq!((out.data[0], &out.data[12..20], &out.data[28..]), (0x45, &[10, 8, 0, 1, 10, 8, 0, 2][..], &b"out"[..]));
        assert_eq!(into.data, back);
    });
}

#[test]
fn no_allocation_per_frame() {
    let Some(net) = Net::with_pairs(1) else { return };
    let sent = vec![tagged(&Ends::numbered(1).ipv4(UDP), 0x8100, 7); 10_000];
    let filter = can_compile().then(|| "vlan".to_owned());
    let config = LiveConfig { filter, ..LiveConfig::new("b0") };
    let mut capture = net.within(1, || LiveCapture::open(&config)).unwrap();
    send_in_parts(&net, &sent, &mut capture);
    let (frames, made) = ALLOCATOR.count(|| {
        let (mut frames, begun) = (0, Instant::now());
        while frames < 10_000 && begun.elapsed() < PATIENCE {
            let Some(mut block) = capture.next_block(2 * LiveCapture::MAX_DELAY).unwrap() else { continue };
            while block.next().is_some() {
                frames += 1;
            }
        }
        frames
    });
    assert_eq!((frames, made.count), (10_000, 0));
}

#[test]
fn promiscuous_only_while_it_is_asked_for() {
    let Some(net) = Net::with_pairs(1) else { return };
    let is_promiscuous = || net.ip_says(1, "-d link show b0").contains("promiscuity 1");
    let plain = net.within(1, || LiveCapture::open(&LiveConfig::new("b0"))).unwrap();
    assert!(!is_promiscuous());
    let config = LiveConfig { promiscuous: true, ..LiveConfig::new("b0") };
    let promiscuous = net.within(1, || LiveCapture::open(&config)).unwrap();
    assert!(is_promiscuous());
    drop(promiscuous);
    assert!(!is_promiscuous());
    drop(plain);
}

#[test]
fn interface_that_goes_down_comes_back_and_one_that_is_removed_is_an_error() {
    let Some(net) = Net::with_pairs(1) else { return };
    let frame = [Ends::numbered(1).ipv4(UDP)];
    net.within(1, || {
        let mut capture = LiveCapture::open(&LiveConfig::new("b0")).unwrap();
        net.ip(1, "link set b0 down");
        assert!(capture.next_block(Duration::from_millis(100)).unwrap().is_none());
        net.ip(1, "link set b0 up");
        net.wait_up();
        net.within(0, || RawSender::open("a0").send(&frame));
        assert_eq!(data(&drain(&mut capture, 1)), frame);
        net.within(0, || RawSender::open("a0").send(&frame));
        wait_until("it arrives", || capture.stats().unwrap().received == 2);
        net.ip(1, "link del b0");
        let mut last = 0;
        let error = loop {
            match capture.next_block(Duration::from_secs(1)) {
                Ok(Some(mut block)) => last += u32::from(block.next().is_some()),
                Ok(None) => {}
                Err(error) => break error,
            }
        };
        assert_eq!((last, error.to_string()), (1, "b0: the interface is gone".to_owned()));
    });
}

#[test]
fn refusals_teach() {
    let refusal = |config: &LiveConfig| LiveCapture::open(config).unwrap_err().to_string();
    let text = refusal(&LiveConfig::new("eth99"));
    assert!(text.starts_with("no interface `eth99`; there are: lo"), "{text}");
    let text = refusal(&LiveConfig { snap_length: 10, ..LiveConfig::new("lo") });
    assert_eq!(text, "lo: snap length of 10 bytes, allowed are 96 to 262144");
    let text = refusal(&LiveConfig { ring_bytes: 10, ..LiveConfig::new("lo") });
    assert_eq!(text, "lo: ring of 10 bytes, allowed are 2097152 to 4294967296");
    if can_compile() {
        let text = refusal(&LiveConfig { filter: Some("udp prot 53".to_owned()), ..LiveConfig::new("lo") });
        assert!(text.starts_with("BPF filter `udp prot 53`: ") && text.contains("syntax error"), "{text}");
    }
    let Some(net) = Net::with_pairs(1) else { return };
    let error = without_privilege(|| LiveCapture::open(&LiveConfig::new("lo"))).unwrap_err().to_string();
    assert!(error.starts_with("lo: not permitted to capture") && error.contains("CAP_NET_RAW"), "{error}");
    net.ip(1, "link set b0 down");
    let error = net.within(1, || LiveCapture::open(&LiveConfig::new("b0"))).unwrap_err();
    assert!(matches!(error, LiveError::Down { .. }), "{error}");
    let listed = net.within(1, weir_capture::interfaces).unwrap();
    let listed: Vec<_> = listed.iter().map(|i| (i.name.as_str(), i.is_up, i.kind.to_string())).collect();
    assert_eq!(listed, [("lo", true, "loopback".to_owned()), ("b0", false, "Ethernet".to_owned())]);
}
