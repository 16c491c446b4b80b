import base64
import hashlib
import hmac

import pytest
from dpone_sdk import Outgoing, PluginError

from plugin import {{class}}, Options

OPTIONS = Options(key_id="k1")


def test_the_signature_is_over_method_path_and_date():
    signer = {{class}}(OPTIONS, ["signing_key"])
    request = Outgoing(url="https://api.example.com/v1/orders?limit=1", sent_at="2026-01-01T00:00:00.000Z")
    headers, query = signer.sign(request).compute_for_test({"signing_key": "s3cret"})

    message = b"GET\n/v1/orders\n2026-01-01T00:00:00.000Z"
    expected = base64.b64encode(hmac.new(b"s3cret", message, hashlib.sha256).digest()).decode()
    assert headers == {
        "X-Date": "2026-01-01T00:00:00.000Z",
        "Authorization": f'HMAC-SHA256 keyId="k1", signature="{expected}"',
    }
    assert query == {}


def test_the_secret_has_to_be_granted():
    with pytest.raises(PluginError, match="no-secret"):
        {{class}}(OPTIONS, ["another"])
