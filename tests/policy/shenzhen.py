"""The programmes of Shenzhen's pack as the tests of several files ask for them: read once for all of them."""

from siwei.city.attributes import load_attributes
from siwei.city.home import PACKS
from siwei.policy.documents.loading import load_all_versions
from siwei.policy.versions import latest_versions

PACK = PACKS / "shenzhen"
ATTRIBUTES = load_attributes(PACK)
VERSIONS = load_all_versions(PACK / "programmes", ATTRIBUTES)
PROGRAMMES = latest_versions(VERSIONS)
