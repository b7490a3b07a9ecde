//! Packets that the kernel joined or has yet to cut, as real TCP and UDP make them.
#![allow(unsafe_code, reason = "options of sockets that the standard library does not know")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use weir_capture::{Frame, LiveCapture, LiveConfig};
use weir_testkit::PATIENCE;

use super::net::Net;

/// Octets that are sent.
const VOLUME: usize = 20_000_000;

/// What was seen of one direction.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    frames: u32,
    packets: u32,
    payload: usize,
}

#[test]
fn joined_packets_say_how_many_they_are() {
    let Some(net) = Net::with_pairs(1) else { return };
    net.ip(0, "addr add 10.9.0.1/24 dev a0");
    net.ip(1, "addr add 10.9.0.2/24 dev b0");
    let open = |end, name| net.within(end, || LiveCapture::open(&LiveConfig::new(name))).unwrap();
    let mut captures = [open(0, "a0"), open(1, "b0")];

    let listener = net.within(1, || TcpListener::bind("10.9.0.2:7000")).unwrap();
    let sent = thread::scope(|scope| {
        let receiver = scope.spawn(|| listener.accept().unwrap().0.read_to_end(&mut Vec::new()).unwrap());
        let mut stream = net.within(0, || TcpStream::connect("10.9.0.2:7000")).unwrap();
        stream.write_all(&vec![0x55; VOLUME]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(receiver.join().unwrap(), VOLUME);
        data_sent(&stream)
    });

    for capture in &mut captures {
        let mut seen = Seen::default();
        read_until(capture, |frame| {
            count(frame, &mut seen);
            seen.payload >= sent.1
        });
        assert_eq!(capture.stats().unwrap().dropped, 0);
        assert_eq!((seen.packets, seen.payload), sent, "{seen:?}");
        assert!(seen.frames * 4 < seen.packets, "packets were joined: {seen:?}");
    }
}

#[test]
fn datagrams_that_are_cut_later_say_how_many_they_are() {
    let Some(net) = Net::with_pairs(1) else { return };
    net.ip(0, "addr add 10.9.0.1/24 dev a0");
    net.ip(1, "addr add 10.9.0.2/24 dev b0");
    let mut capture = net.within(0, || LiveCapture::open(&LiveConfig::new("a0"))).unwrap();
    let receiver = net.within(1, || UdpSocket::bind("10.9.0.2:7000")).unwrap();
    net.within(0, || {
        let socket = UdpSocket::bind("10.9.0.1:7001").unwrap();
        let size = 1_000_i32;
        let length = size_of_val(&size) as u32;
        // SAFETY: the value is of the length that is told.
        let outcome =
            unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_SEGMENT, (&raw const size).cast(), length) };
        assert_eq!(outcome, 0);
        assert_eq!(socket.send_to(&[0x55; 10_500], "10.9.0.2:7000").unwrap(), 10_500);
    });
    let received: Vec<_> = (0..11).map(|_| receiver.recv(&mut [0; 2_000]).unwrap()).collect();
    assert_eq!(received, [[1_000; 10].as_slice(), &[500]].concat());

    let mut seen = Vec::new();
    read_until(&mut capture, |frame| {
        // Neighbour discovery aside.
        if frame.data[12..14] == [8, 0] {
            seen.push((frame.original_len, frame.segment_size));
        }
        !seen.is_empty()
    });
    assert_eq!(seen, [(14 + 20 + 8 + 10_500, 1_000)]);
}

/// Reads until `take` says that it is all, and then until nothing came for a while: the kernel's timer that hands over what there is may be late.
fn read_until(capture: &mut LiveCapture, mut take: impl FnMut(&Frame<'_>) -> bool) {
    let (begun, mut is_all) = (Instant::now(), false);
    loop {
        match capture.next_block(2 * LiveCapture::MAX_DELAY).unwrap() {
            Some(mut block) => {
                while let Some(frame) = block.next() {
                    is_all = take(&frame);
                }
            }
            None if is_all || begun.elapsed() > PATIENCE => return,
            None => {}
        }
    }
}

/// Counts what a frame has of the direction of the data.
fn count(frame: &Frame<'_>, seen: &mut Seen) {
    assert_eq!(frame.data.len(), frame.original_len as usize);
    let is_tcp_to_7000 = frame.data[12..14] == [8, 0] && frame.data[23] == 6 && frame.data[36..38] == 7000_u16.to_be_bytes();
    if !is_tcp_to_7000 {
        return;
    }
    let headers = 14 + 20 + usize::from(frame.data[46] >> 4) * 4;
    let payload = frame.data.len() - headers;
    if payload == 0 {
        return;
    }
    assert!(frame.data[headers..].iter().all(|octet| *octet == 0x55));
    let each = if frame.segment_size == 0 { payload } else { frame.segment_size.into() };
    assert!(each <= 1_460);
    seen.frames += 1;
    seen.packets += payload.div_ceil(each) as u32;
    seen.payload += payload;
}

/// Data segments and their octets as TCP_INFO counts them (`tcpi_data_segs_out`, `tcpi_bytes_sent`), when everything is acknowledged: what was sent again is in both.
fn data_sent(stream: &TcpStream) -> (u32, usize) {
    let info = loop {
        let info = tcp_info(stream);
        // `tcpi_unacked`
        if info[24..28] == [0; 4] {
            break info;
        }
        thread::sleep(Duration::from_millis(10));
    };
    let (segments, octets) = (&info[156..160], &info[200..208]);
    (u32::from_ne_bytes(segments.try_into().unwrap()), u64::from_ne_bytes(octets.try_into().unwrap()) as usize)
}

fn tcp_info(stream: &TcpStream) -> [u8; 232] {
    let mut info = [0_u8; 232];
    let mut length = info.len() as u32;
    // SAFETY: the kernel writes at most `length` octets.
    let outcome = unsafe {
        libc::getsockopt(stream.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &raw mut length)
    };
    assert_eq!(outcome, 0);
    info
}
