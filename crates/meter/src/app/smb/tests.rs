use weir_record::Column;

use super::super::tests::Talk;

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes()[..], message].concat()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A request of SMB 2 with a name behind a body of so many octets, whose place and length stand at `at` of it.
fn smb2(command: u8, body: usize, at: usize, name: &str) -> Vec<u8> {
    let mut message = vec![0; 64 + body];
    message[..6].copy_from_slice(b"\xfeSMB\x40\0");
    message[12] = command;
    let name = utf16(name);
    message[64 + at..][..2].copy_from_slice(&((64 + body) as u16).to_le_bytes());
    message[64 + at + 2..][..2].copy_from_slice(&(name.len() as u16).to_le_bytes());
    [message, name].concat()
}

#[test]
fn smb2_says_the_share_and_the_file_behind_those_of_pipes() {
    let talk = Talk::stream(445).client(&framed(&smb2(0, 36, 0, ""))).client(&framed(&smb2(3, 8, 4, "\\\\files\\IPC$")));
    let talk = talk.client_slowly(&framed(&smb2(5, 56, 44, "srvsvc")));
    assert_eq!((talk.text(Column::smb_tree), talk.text(Column::smb_file)), (Some("\\\\files\\IPC$"), Some("srvsvc")));
    let talk =
        talk.client_slowly(&framed(&smb2(3, 8, 4, "\\\\files\\plans"))).client(&framed(&smb2(5, 56, 44, "north\\wéir.txt")));
    assert_eq!(talk.app.name(), Some("smb"));
    assert_eq!((talk.text(Column::smb_tree), talk.text(Column::smb_file)), (Some("\\\\files\\plans"), Some("north\\wéir.txt")));
    assert_eq!(talk.number(Column::smb_command), Some(5));
    assert!(!talk.app.wants(crate::packet::Direction::ToServer));
}

#[test]
fn smb2_requests_may_be_chained_and_followed_by_much() {
    let mut first = smb2(3, 8, 4, "\\\\a\\b");
    first.resize(first.len().next_multiple_of(8), 0);
    let next = (first.len() as u32).to_le_bytes();
    first[20..24].copy_from_slice(&next);
    let talk = Talk::stream(445).client(&framed(&[first, smb2(5, 56, 44, "c")].concat()));
    assert_eq!((talk.text(Column::smb_tree), talk.text(Column::smb_file)), (Some("\\\\a\\b"), Some("c")));

    let write = framed(&[smb2(9, 48, 0, ""), vec![7; 100_000]].concat());
    let talk = write.chunks(1400).fold(Talk::stream(445), Talk::client).client(&framed(&smb2(3, 8, 4, "\\\\a\\b")));
    assert_eq!((talk.text(Column::smb_tree), talk.number(Column::smb_command)), (Some("\\\\a\\b"), Some(9)));
}

/// A request of SMB 1.
fn smb1(command: u8, unicode: bool, words: &[u8], octets: &[u8]) -> Vec<u8> {
    let mut message = [0; 32];
    message[..4].copy_from_slice(b"\xffSMB");
    message[4] = command;
    message[11] = if unicode { 0xc0 } else { 0 };
    [&message[..], &[words.len() as u8 / 2], words, &(octets.len() as u16).to_le_bytes(), octets].concat()
}

#[test]
fn smb1_says_the_share_of_a_chain_and_the_file() {
    let session = [&[0x75, 0, 0x3d, 0][..], &[0; 22]].concat();
    let chained = smb1(0x73, false, &session, &[]);
    assert_eq!(chained.len(), 0x3d);
    // The chained request is a body alone, without a header.
    let connect = smb1(0x75, false, &[0xff, 0, 0, 0, 0, 0, 1, 0], b"\0\\\\OLD\\C\0?????\0");
    let talk =
        Talk::stream(139).client(b"\x81\0\0\x44\x20EEEFEGCACACACACACACACACACACACACA\0\x20EEEFEGCACACACACACACACACACACACAAA\0");
    let talk = talk.server(&[0x82, 0, 0, 0]).client(&framed(&[&chained[..], &connect[32..]].concat()));
    assert_eq!((talk.app.name(), talk.text(Column::smb_tree)), (Some("smb"), Some("\\\\OLD\\C")));
    let create = smb1(0xa2, true, &[&[0xff][..], &[0; 47]].concat(), &[&[0][..], &utf16("\\a.txt\0")].concat());
    let talk = talk.client_slowly(&framed(&create));
    assert_eq!((talk.text(Column::smb_file), talk.number(Column::smb_command)), (Some("\\a.txt"), Some(0xa2)));
}

#[test]
fn what_is_encrypted_is_known_by_name() {
    let talk = Talk::stream(4450).client(&framed(&[&b"\xfdSMB"[..], &[9; 60]].concat()));
    assert_eq!((talk.app.name(), talk.number(Column::smb_command)), (Some("smb"), None));
}
