//! What the API server answered, in words for people.

use ray_api::text;

/// The server's own message; of other errors what they say of themselves. A refusal may quote a whole object: cut to
/// [`text::LONGEST`].
pub fn answer(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => text::short(&status.message),
        error => text::short(error),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_refusal_of_a_megabyte_is_a_short_text() {
        let message = "ä".repeat(1 << 20);
        let status = Status::failure(&message, "").with_code(422);
        let unnamed = kube::Error::Service(message.clone().into());
        for error in [kube::Error::Api(Box::new(status)), unnamed] {
            let text = answer(&error);
            assert!(text.len() <= text::LONGEST && text.ends_with("ää…"), "{text}");
        }
    }

    #[test]
    fn the_servers_message_stands_alone() {
        let status = Status::failure("pods \"p\" is forbidden: exceeded quota", "Forbidden").with_code(403);
        assert_eq!(
            answer(&kube::Error::Api(Box::new(status))),
            "pods \"p\" is forbidden: exceeded quota"
        );
    }
}
