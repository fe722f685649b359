# What is built of mbedTLS, and how. A file whose feature is off in jeton_mbedtls_config.h compiles to nothing. In the
# place of psa_crypto_ecp.c stands psa_ecp.c of this folder.
SOURCES_mbedtls := $(addprefix build/third_party/mbedtls/library/, aes.c aesni.c asn1parse.c asn1write.c base64.c \
    bignum.c bignum_core.c bignum_mod.c bignum_mod_raw.c block_cipher.c chacha20.c chachapoly.c cipher.c cipher_wrap.c \
    constant_time.c ctr_drbg.c ecdh.c ecdsa.c ecp.c ecp_curves.c ecp_curves_new.c entropy.c entropy_poll.c gcm.c \
    hkdf.c hmac_drbg.c md.c oid.c pem.c pk.c pk_ecc.c pk_wrap.c pkparse.c pkwrite.c platform.c platform_util.c \
    poly1305.c psa_crypto.c psa_crypto_aead.c psa_crypto_cipher.c psa_crypto_client.c \
    psa_crypto_driver_wrappers_no_static.c psa_crypto_hash.c psa_crypto_mac.c psa_crypto_random.c psa_crypto_rsa.c \
    psa_crypto_slot_management.c psa_util.c sha256.c sha512.c ssl_ciphersuites.c ssl_client.c ssl_msg.c ssl_ticket.c \
    ssl_tls.c ssl_tls12_client.c ssl_tls12_server.c ssl_tls13_client.c ssl_tls13_generic.c ssl_tls13_keys.c \
    ssl_tls13_server.c x509.c x509_create.c x509_crt.c x509write.c x509write_crt.c)

# What a user of the library must see.
INCLUDES_mbedtls := -Ithird_party -Ithird_party/mbedtls -isystem build/third_party/mbedtls/include \
    -DMBEDTLS_CONFIG_FILE='"jeton_mbedtls_config.h"'

# Small: what takes time runs in third_party/ring, and a handshake costs the same.
FLAGS_mbedtls := -Os -Ibuild/third_party/mbedtls/library -Wno-unused-parameter
# Its assembly has numbered labels, which do not bear being taken apart.
FLAGS_build/third_party/mbedtls/library/aesni.c := -fno-lto
# aes.c and aesni.c run without -maes, both: then their AES instructions are assembly, which wants no aligned keys.

FLAGS_build/third_party/mbedtls/library/ssl_tls13_keys.c := -include third_party/mbedtls/tls13_keys_fix.h

# Whose order of cipher suites counts: suite_order.c.
FLAGS_build/third_party/mbedtls/library/ssl_tls13_server.c := -Dmbedtls_ssl_validate_ciphersuite=jeton_validate_ciphersuite

# These are called all the time in a handshake: 8 KiB more, and fewer calls and jumps.
$(foreach file,psa_crypto psa_crypto_mac psa_crypto_hash ssl_tls13_keys ssl_msg, \
    $(eval FLAGS_build/third_party/mbedtls/library/$(file).c += -O2))
FLAGS_third_party/mbedtls/sha256_alt.c := -O2
