//! Reading frames of files that lie in the page cache, against the crate `pcap-parser` on the same file.
//!
//! Two files of two million frames each: small ones (60 octets), where the cost of a frame counts, and large ones (1400
//! octets), where the octets do. The sum of all lengths is compared, so that both readers see every frame.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{LegacyPcapReader, PcapBlockOwned, PcapError};
use weir_capture::{CaptureFile, PcapWriter, TimeUnit};

const FRAMES: u64 = 2_000_000;

/// The buffer that both readers use, bytes.
const BUFFER: usize = 1 << 20;

fn read(criterion: &mut Criterion) {
    for (name, length) in [("60-octet frames", 60), ("1400-octet frames", 1400)] {
        let path = make(length);
        let expected = FRAMES * length as u64;
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::ElementsAndBytes { elements: FRAMES, bytes: FRAMES * (length as u64 + 16) });
        group.sample_size(10);
        group.bench_function("weir-capture", |bencher| bencher.iter(|| assert_eq!(weir(&path), expected)));
        group.bench_function("pcap-parser", |bencher| bencher.iter(|| assert_eq!(pcap_parser(&path), expected)));
        group.finish();
        fs::remove_file(path).expect("the file was made above");
    }
}

fn make(length: usize) -> PathBuf {
    let path = std::env::temp_dir().join(format!("weir-capture-bench-{}-{length}.pcap", std::process::id()));
    let file = BufWriter::new(File::create(&path).expect("the temporary folder can be written"));
    let mut writer = PcapWriter::new(file, 1, TimeUnit::Nanoseconds).expect("written");
    let frame = vec![0x5a; length];
    for n in 0..FRAMES {
        writer.write(n as i64 * 1000, length as u32, &frame).expect("written");
    }
    writer.finish().expect("written");
    path
}

fn weir(path: &Path) -> u64 {
    let mut file = CaptureFile::open(path).expect("a capture");
    let mut sum = 0;
    while let Some(frame) = file.next().expect("a whole file") {
        sum += black_box(frame).data.len() as u64;
    }
    sum
}

fn pcap_parser(path: &Path) -> u64 {
    let file = File::open(path).expect("a capture");
    let mut reader = LegacyPcapReader::new(BUFFER, file).expect("a capture");
    let mut sum = 0;
    loop {
        match reader.next() {
            Ok((offset, block)) => {
                if let PcapBlockOwned::Legacy(record) = block {
                    sum += black_box(record).data.len() as u64;
                }
                reader.consume(offset);
            }
            Err(PcapError::Incomplete(_)) => reader.refill().expect("a whole file"),
            Err(PcapError::Eof) => return sum,
            Err(error) => panic!("{error}"),
        }
    }
}

criterion_group!(benches, read);
criterion_main!(benches);
