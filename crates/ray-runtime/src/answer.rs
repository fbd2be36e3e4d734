//! What the API server answered, in words for people.

/// The server's own message; of other errors what they say of themselves.
#[must_use]
pub fn answer(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn the_servers_message_stands_alone() {
        let status = Status::failure("pods \"p\" is forbidden: exceeded quota", "Forbidden").with_code(403);
        assert_eq!(
            answer(&kube::Error::Api(Box::new(status))),
            "pods \"p\" is forbidden: exceeded quota"
        );
    }
}
