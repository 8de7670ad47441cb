//! Which peers are trusted: networks as people write them (CIDR, RFC 4632), and whether an address belongs to one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who may speak for somebody else. Empty: nobody may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Networks {
    networks: Vec<Network>,
    /// Whoever may open one of the unix sockets.
    has_unix: bool,
}

/// An address and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotANetwork {
    /// Neither an address nor one of the words.
    Address,
    /// `/33`, `/x`
    Bits(u8),
    /// Bits beyond the prefix are set: the network that was probably meant.
    HostBits(Network),
}

/// What `private` stands for: RFC 1918, loopback, RFC 4193.
const PRIVATE: [Network; 6] = [
    Network::v4(10, 0, 8),
    Network::v4(172, 16, 12),
    Network::v4(192, 168, 16),
    Network::v4(127, 0, 8),
    Network {
        address: IpAddr::V6(Ipv6Addr::LOCALHOST),
        bits: 128,
    },
    Network {
        address: IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0)),
        bits: 8,
    },
];

impl Networks {
    /// Adds what `text` names: an address, a network, `private` or `unix`.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), NotANetwork> {
        match text {
            "unix" => self.has_unix = true,
            "private" => self.networks.extend(PRIVATE),
            _ => self.networks.push(Network::parse(text)?),
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.has_unix
    }

    pub(crate) fn has_unix(&self) -> bool {
        self.has_unix
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        // `::ffff:192.0.2.1` is what a socket for both families says of 192.0.2.1.
        let address = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(address))
    }
}

impl Network {
    const fn v4(first: u8, second: u8, bits: u8) -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::new(first, second, 0, 0)),
            bits,
        }
    }

    fn parse(text: &str) -> Result<Self, NotANetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork::Address)?;
        let most = most_bits(address);
        let bits = match bits {
            None => most,
            // `u8` alone would take "+8".
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= most)
                .ok_or(NotANetwork::Bits(most))?,
            Some(_) => return Err(NotANetwork::Bits(most)),
        };
        let network = Self {
            address: masked(address, bits),
            bits,
        };
        if network.address == address {
            Ok(network)
        } else {
            Err(NotANetwork::HostBits(network))
        }
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && masked(address, self.bits) == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

fn most_bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with only its first `bits` bits left.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    // A shift by all the bits of a number is none at all for the machine: `checked_shl` says so.
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        let mut networks = Networks::default();
        for text in texts {
            networks.add(text).expect(text);
        }
        networks
    }

    #[test]
    fn an_address_belongs_to_a_network_by_its_first_bits() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.1/32", "192.0.2.1", "192.0.2.0"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
            ("fd00::/8", "fdff::1", "fe00::"),
            ("2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"),
            ("::1", "::1", "::2"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("private", "172.31.0.1", "172.32.0.1"),
            ("private", "127.0.0.1", "128.0.0.1"),
            ("private", "fd12::1", "fc00::1"),
        ] {
            let networks = networks(&[network]);
            assert!(
                networks.contains(inside.parse().unwrap()),
                "{inside} in {network}"
            );
            assert!(
                !networks.contains(outside.parse().unwrap()),
                "{outside} in {network}"
            );
        }
    }

    #[test]
    fn nobody_is_in_no_network() {
        let none = networks(&[]);
        assert!(none.is_empty());
        assert!(!none.contains(Ipv4Addr::LOCALHOST.into()));
        let unix = networks(&["unix"]);
        assert!(!unix.is_empty() && unix.has_unix());
        assert!(!unix.contains(Ipv4Addr::LOCALHOST.into()));
    }

    #[test]
    fn what_is_no_network_says_why() {
        let meant = |text: &str| NotANetwork::HostBits(Network::parse(text).unwrap());
        for (text, why) in [
            ("", NotANetwork::Address),
            ("localhost", NotANetwork::Address),
            ("10.0.0.0/8/8", NotANetwork::Bits(32)),
            ("10.0.0/8", NotANetwork::Address),
            ("10.0.0.0/", NotANetwork::Bits(32)),
            ("10.0.0.0/+8", NotANetwork::Bits(32)),
            ("10.0.0.0/33", NotANetwork::Bits(32)),
            ("::/129", NotANetwork::Bits(128)),
            ("::/300", NotANetwork::Bits(128)),
            ("[::1]", NotANetwork::Address),
            ("10.0.0.1/8", meant("10.0.0.0/8")),
            ("2001:db8::1/64", meant("2001:db8::/64")),
        ] {
            assert_eq!(Networks::default().add(text), Err(why), "{text}");
        }
    }
}
