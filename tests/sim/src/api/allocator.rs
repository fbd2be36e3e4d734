//! Cluster addresses and node ports of Services.

/// The first three bytes of all cluster addresses; 10.96.0.1 is the API server's own.
const NETWORK: &str = "10.96";
const FIRST_NODE_PORT: u16 = 30000;

/// Gives each address and port once, in order. They are never given again: a run is too short to need them all.
#[derive(Debug, Default)]
pub struct Allocator {
    addresses: u16,
    node_ports: u16,
}

impl Allocator {
    /// The next cluster address.
    pub fn address(&mut self) -> String {
        self.addresses += 1;
        // The network's own and the API server's address are taken.
        let [high, low] = (self.addresses + 1).to_be_bytes();
        format!("{NETWORK}.{high}.{low}")
    }

    /// The next node port.
    pub fn node_port(&mut self) -> u16 {
        let port = FIRST_NODE_PORT + self.node_ports;
        self.node_ports += 1;
        port
    }
}
