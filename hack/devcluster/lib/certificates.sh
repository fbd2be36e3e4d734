# Certificates and kubeconfigs of an instance, in STATE/pki and STATE.
# shellcheck shell=bash

# certificate_authority: and the key pair that signs service account tokens.
certificate_authority() {
	local pki=$STATE/pki
	[[ -f $pki/ca.crt ]] && return
	need_command openssl openssl
	(
		umask 077
		mkdir -p "$pki"
		new_key "$pki/service-account.key"
		openssl pkey -in "$pki/service-account.key" -pubout -out "$pki/service-account.pub"
		new_key "$pki/ca.key"
		openssl req -x509 -key "$pki/ca.key" -days 3650 -subj /CN=ray-devcluster \
			-addext keyUsage=critical,digitalSignature,keyCertSign -out "$pki/ca.crt.part"
		mv "$pki/ca.crt.part" "$pki/ca.crt"
	)
}

# new_key FILE: elliptic, which takes no time.
new_key() {
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

# issue NAME SUBJECT [SUBJECT-ALTERNATIVE-NAMES]: for servers and clients alike.
issue() {
	local file=$STATE/pki/$1 subject=$2 names=${3:-DNS:$1}
	[[ -f $file.crt ]] && return
	(
		umask 077
		new_key "$file.key"
		openssl req -new -key "$file.key" -subj "$subject" |
			openssl x509 -req -days 3650 -CA "$STATE/pki/ca.crt" -CAkey "$STATE/pki/ca.key" \
				-set_serial "0x$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')" -out "$file.crt.part" \
				-extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$names") 2>/dev/null
		mv "$file.crt.part" "$file.crt"
	)
}

# user NAME SUBJECT [FILE]: a client certificate, and a kubeconfig that holds it.
user() {
	local name=$1 file=${3:-$STATE/$1.kubeconfig}
	issue "$name" "$2"
	(
		umask 077
		cat >"$file" <<-YAML
			apiVersion: v1
			kind: Config
			current-context: $CLUSTER_NAME
			clusters:
			- name: $CLUSTER_NAME
			  cluster:
			    server: $API_URL
			    certificate-authority-data: $(base64 -w 0 "$STATE/pki/ca.crt")
			users:
			- name: $name
			  user:
			    client-certificate-data: $(base64 -w 0 "$STATE/pki/$name.crt")
			    client-key-data: $(base64 -w 0 "$STATE/pki/$name.key")
			contexts:
			- name: $CLUSTER_NAME
			  context:
			    cluster: $CLUSTER_NAME
			    user: $name
		YAML
	)
}

# api PATH [CURL-OPTION...]: asks the API server as its administrator; much
# quicker to start than kubectl.
api() {
	local path=$1
	shift
	curl -fsS --noproxy '*' --max-time 5 --cacert "$STATE/pki/ca.crt" \
		--cert "$STATE/pki/admin.crt" --key "$STATE/pki/admin.key" "$@" "$API_URL$path"
}

# kubectl ARGUMENT...: as the instance's administrator, with its own cache.
kubectl() {
	KUBECACHEDIR=$RUN/kubectl-cache "$BIN/kubectl" --kubeconfig="$KUBECONFIG_FILE" "$@"
}
