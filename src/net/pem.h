#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace rqlite::net {

// What certificate and key files hold, as texts in PEM form. Errors are kInvalid, and name no file.

// All certificates in `text`, in their order; fails if one of them cannot be read.
Result<std::vector<std::shared_ptr<X509>>> read_certificates(BytesView text);

// The first private key in `text`, which must not be encrypted.
Result<std::shared_ptr<EVP_PKEY>> read_key(BytesView text);

// `what`, and what OpenSSL says about its last error.
Status openssl_failed(const std::string& what);

}  // namespace rqlite::net
