"""A player's story from the first look at the races to a portrait, in plain HTTP calls.

It needs the content that `flask content seed` writes.
"""

import hashlib
from urllib.parse import urlsplit

from tests.files.conftest import PNG
from tests.products.conftest import Ask

CHARACTER = {
    "id": "story",
    "name": "Orla of the Ninth Ferry",
    "race_id": "harrowen",
    "archetype_id": "wallwarden",
    "abilities": {
        "power": 8,
        "swiftness": 5,
        "stamina": 7,
        "reason": 4,
        "instinct": 6,
        "charm": 5,
    },
}
PORTRAIT = {
    "id": "story-portrait",
    "name": "orla.png",
    "purpose": "portrait",
    "content_type": "image/png",
    "size": len(PNG),
    "sha256": hashlib.sha256(PNG).hexdigest(),
}


def tell_the_story(ask: Ask) -> None:
    """The calls of a client; `ask` sends method, path, body (JSON or bytes) and headers, and
    gives status and JSON."""
    status, races = ask("GET", "/v1/content/races?locale=de&limit=100")
    assert (status, len(races["items"])) == (200, 6)
    status, found = ask("GET", "/v1/content/items?q=hammer&locale=en")
    assert (status, [item["id"] for item in found["items"]]) == (200, ["quarry-hammer"])

    # Too greedy at first; then the reply is lost, and the client sends it again.
    greedy = {**CHARACTER, "abilities": dict.fromkeys(CHARACTER["abilities"], 10)}
    status, refused = ask("POST", "/v1/characters", greedy)
    assert (status, refused["errors"][0]["field"]) == (422, "abilities")
    status, created = ask("POST", "/v1/characters", CHARACTER)
    assert (status, created["level"]) == (201, 1)
    assert ask("POST", "/v1/characters", CHARACTER) == (200, created)

    # Shopping and dressing.
    path = "/v1/characters/story"
    for item in ("quarry-hammer", "plank-buckler", "ridge-maul", "quilted-coat"):
        assert ask("PUT", f"{path}/items/{item}", {"quantity": 1})[0] == 201
    for slot, item in (
        ("main-hand", "quarry-hammer"),
        ("off-hand", "plank-buckler"),
        ("body", "quilted-coat"),
    ):
        assert ask("PUT", f"{path}/equipment/{slot}", {"item_id": item})[0] == 201
    status, refused = ask("PUT", f"{path}/equipment/main-hand", {"item_id": "ridge-maul"})
    assert (status, refused["type"]) == (409, "urn:fivebox:problem:requirement-not-met")
    status, before = ask("GET", f"{path}/statistics")
    assert (status, before["level"], before["defence"]) == (200, 1, 2 * 5 + 4 + 2 + 2)

    # Adventures; now the maul may be held, but with both hands.
    status, grown = ask("PATCH", path, {"experience": 640})
    assert (status, grown["level"]) == (200, 4)
    status, refused = ask("PUT", f"{path}/equipment/main-hand", {"item_id": "ridge-maul"})
    assert (status, refused["blocked_by"]) == (409, "off-hand")
    assert ask("DELETE", f"{path}/equipment/off-hand")[0] == 204
    assert ask("PUT", f"{path}/equipment/main-hand", {"item_id": "ridge-maul"})[0] == 200
    status, after = ask("GET", f"{path}/statistics")
    assert after["attack"] == 8 + 4 // 2 + 6
    assert after["hit_points"] > before["hit_points"]
    assert (after["inactive"], after["retired"]) == ([], [])

    # A portrait, and a quarrel of two devices over the name.
    status, file = ask("POST", "/v1/files", PORTRAIT)
    assert status == 201
    link, target = file["upload"], urlsplit(file["upload"]["url"])
    status, _ = ask(link["method"], f"{target.path}?{target.query}", PNG, link["headers"])
    assert status in (200, 204)
    assert ask("POST", "/v1/files/story-portrait/complete")[0] == 200
    status, shown = ask("PATCH", path, {"portrait_id": "story-portrait"})
    assert (status, shown["portrait_id"]) == (200, "story-portrait")
    stale = {"If-Match": f'"{grown["rev"]}"'}
    status, refused = ask("PATCH", path, {"name": "Orla"}, stale)
    assert (status, refused["current"]["portrait_id"]) == (412, "story-portrait")
    assert ask("DELETE", "/v1/files/story-portrait")[0] == 204
    assert ask("GET", path)[1]["portrait_id"] is None

    # The end.
    assert ask("DELETE", path)[0] == 204
    assert ask("GET", f"{path}/equipment")[0] == 404
    status, left = ask("GET", "/v1/characters")
    assert (status, left["items"]) == (200, [])


def test_the_story_of_a_player(ask: Ask) -> None:
    tell_the_story(ask)
