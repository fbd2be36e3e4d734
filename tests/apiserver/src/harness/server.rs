//! The API server that the tests run against.

use std::fs::File;
use std::path::{Path, PathBuf};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// The API server of `KUBECONFIG`, as its administrator.
pub struct Server {
    pub client: Client,
    /// Where it is and whom it trusts.
    pub kubeconfig: Kubeconfig,
    /// Its files: `log/audit.log` is one of them.
    pub directory: PathBuf,
}

impl Server {
    /// Connects, or says what is missing.
    pub async fn connect() -> Self {
        let path = std::env::var("KUBECONFIG").ok().filter(|path| !path.is_empty());
        let path = path.expect(
            "KUBECONFIG is not set: these tests need a real API server. Run `make apiserver-test`, or: \
             hack/devcluster/devcluster apiserver run --controller-manager --scheduler -- hack/test/apiserver",
        );
        let directory = Path::new(&path).parent().expect("a directory").to_owned();
        assert!(
            audit_log(&directory).exists(),
            "{path} is not of `devcluster apiserver`: there is no {}. These tests count the calls in the audit log, and \
             run on no other cluster",
            audit_log(&directory).display()
        );
        let kubeconfig = Kubeconfig::read_from(&path).expect("a kubeconfig");
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options);
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Self {
            client: Client::try_from(config.await.expect("a kubeconfig")).expect("a client"),
            kubeconfig,
            directory,
        }
    }

    /// Shared with the other tests, or for one alone. Held as long as the file lives.
    pub fn lock(&self, alone: bool) -> File {
        let file = File::create(self.directory.join("log/apiserver-tests.lock")).expect("a file for the lock");
        if alone { file.lock() } else { file.lock_shared() }.expect("a lock");
        file
    }
}

/// The audit log of a server that has its files in `directory`.
pub fn audit_log(directory: &Path) -> PathBuf {
    directory.join("log/audit.log")
}
