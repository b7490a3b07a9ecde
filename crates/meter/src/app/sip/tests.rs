use weir_record::Column;

use super::super::tests::Talk;

fn request(method: &str, call: &str) -> Vec<u8> {
    let body = "v=0\r\n";
    format!(
        "{method} sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP a.example\r\nFrom: \"Ada <x>\" <sip:ada@a.example;user=phone>;tag=1\r\n\
         t: sip:bob@b.example;tag=2\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn answer(status: u16, method: &str, call: &str) -> Vec<u8> {
    format!("SIP/2.0 {status} Word\r\nf: <sip:ada@a.example>\r\nt: <sip:bob@b.example>\r\ni: {call}\r\nCSeq: 1 {method}\r\nl: 0\r\n\r\n").into_bytes()
}

#[test]
fn the_first_call_and_its_final_answer_are_kept() {
    for slowly in [false, true] {
        let talk = if slowly { Talk::stream(5060) } else { Talk::datagrams(40_001) };
        let say = |talk: Talk, octets: &[u8]| if slowly { talk.client_slowly(octets) } else { talk.client(octets) };
        let talk = say(talk, &request("INVITE", "one@a"))
            .server(&answer(100, "INVITE", "one@a"))
            .server(&answer(407, "INVITE", "one@a"));
        assert_eq!(talk.number(Column::sip_status), Some(407));
        let talk = say(talk, &request("ACK", "one@a"));
        let talk = say(talk, &request("OPTIONS", "two@a")).server(&answer(200, "OPTIONS", "two@a"));
        let talk = say(talk, &request("INVITE", "one@a"))
            .server(&answer(180, "INVITE", "one@a"))
            .server(&answer(486, "INVITE", "one@a"));
        assert_eq!(talk.app.name(), Some("sip"));
        assert_eq!(talk.text(Column::sip_call_id), Some("one@a"));
        assert_eq!(
            (talk.text(Column::sip_from), talk.text(Column::sip_to)),
            (Some("sip:ada@a.example"), Some("sip:bob@b.example"))
        );
        assert_eq!((talk.text(Column::sip_method), talk.number(Column::sip_status)), (Some("INVITE"), Some(486)));
        assert_eq!(talk.app.held(), 0);
    }
}

#[test]
fn what_looks_like_sip_in_other_protocols_is_not() {
    assert_eq!(Talk::datagrams(5060).client(b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250\r\n\r\n").app.name(), Some("ssdp"));
    assert_ne!(Talk::stream(5060).client(b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n").app.name(), Some("sip"));
}
