// Sends records of a program's own to Weir as FastNetMon Flow: go run fastnetmon.go URL COUNT [CA-FILE]
//
// URL is udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT. The message is written by hand, since its layout is fixed; the package
// capnproto.org/go/capnp makes the same octets from fastnetmon.capnp.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"log"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"time"
)

// message is one IPv4 record: segment table, root pointer, 12 words of data, 4 pointers that are null.
func message(source, destination netip.Addr, octets, packets uint64) []byte {
	const head, data, pointers = 16, 96, 32
	m := make([]byte, head+data+pointers)
	le := binary.LittleEndian
	le.PutUint32(m[4:], (uint32(len(m))-8)/8)
	le.PutUint16(m[12:], data/8)
	le.PutUint16(m[14:], pointers/8)
	d := m[head:]
	d[0] = 3 // a flow
	d[1] = 4 // IPv4
	le.PutUint32(d[4:], 1)
	from, to := source.As4(), destination.As4()
	copy(d[8:], from[:]) // addresses stand in reading order
	copy(d[12:], to[:])
	le.PutUint16(d[32:], 53)
	le.PutUint16(d[34:], 40000)
	le.PutUint32(d[36:], 17)
	le.PutUint64(d[40:], octets)
	le.PutUint64(d[48:], packets)
	now := time.Now()
	le.PutUint64(d[64:], uint64(now.Unix()))
	le.PutUint64(d[72:], uint64(now.Nanosecond()/1000))
	le.PutUint64(d[88:], octets)
	return m
}

func connect(u *url.URL) (io.WriteCloser, error) {
	if u.Scheme != "tls" {
		return net.Dial(u.Scheme, u.Host)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if len(os.Args) > 3 {
		pem, err := os.ReadFile(os.Args[3])
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	return tls.Dial("tcp", u.Host, config)
}

func main() {
	u, err := url.Parse(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	out, err := connect(u)
	if err != nil {
		log.Fatal(err)
	}
	defer out.Close()
	source, destination := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.7")
	for number := 0; number < count; number++ {
		m := message(source, destination, uint64(1000+number), 2)
		if u.Scheme != "udp" {
			// Each message behind its length: 8 octets, least significant first.
			m = append(binary.LittleEndian.AppendUint64(nil, uint64(len(m))), m...)
		}
		if _, err := out.Write(m); err != nil {
			log.Fatal(err)
		}
	}
}
