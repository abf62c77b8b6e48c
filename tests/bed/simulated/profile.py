"""What kind of card it is: everything in which real cards differ and a driver may trip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.bed.simulated.algorithms import ALL
from tests.bed.simulated.status import SW


@dataclass(frozen=True)
class Profile:
    """Defaults: a 3.4 card with everything.  Status words are named after what they answer."""

    # Identity.
    version: int = 0x0304
    manufacturer: int = 0xFF00
    serial: int = 1
    #: None: made of the historical bytes.
    atr: bytes | None = None
    #: DO 5F52; None: made of what the card can do (section 6.1).
    historical: bytes | None = None
    #: Whether the card can be terminated and activated (status byte 05, not 00).
    life_cycle: bool = True
    #: A master file, and an EF of the serial number below it, can be selected.
    master_file: bool = False
    #: Other applications on the card.
    other_applications: tuple[bytes, ...] = ()
    #: SELECT by all 16 bytes of the AID works.
    whole_aid: bool = True
    #: SELECT by a name that is nobody's; by anything but a name, without a master file.
    unknown_name: int = SW.FILE_NOT_FOUND
    no_files: int = SW.FILE_NOT_FOUND
    #: SELECT answers with file control information.
    select_answers: bool = False
    #: Class 80 is taken for 00.
    any_class: bool = True

    # Lengths.
    extended_length: bool = True
    chaining: bool = True
    max_command: int = 2048
    max_response: int = 2048
    chain_buffer: int = 4096
    chain_overflow: int = SW.WRONG_LENGTH
    no_extended: int = SW.WRONG_LENGTH
    #: A short Le that is not the exact length of the answer gets 6Cxx.
    exact_le: bool = False

    # Data objects.
    #: Constructed objects and others that are answered with their own tag and length around them.
    wrapped: frozenset[int] = frozenset({0x65, 0x6E, 0x7A})
    #: Constructed objects whose length always takes two bytes, behind 82.
    long_lengths: frozenset[int] = frozenset()
    #: Objects that are only found inside of constructed ones.
    unreadable: frozenset[int] = frozenset()
    #: Order in 6E and in 73, of what the card has at all.
    application: tuple[int, ...] = (0x4F, 0x5F52, 0x7F66, 0x7F74, 0x73)
    discretionary: tuple[int, ...] = (
        0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xCD, 0xDE, 0xD6, 0xD7, 0xD8, 0xD9,
    )  # fmt: skip
    #: Whether 65 lists objects that are not set.
    lists_unset: bool = True
    #: What is set on a new card; objects that it has against the rule, among them.
    initial: Mapping[int, bytes] = field(default_factory=dict[int, bytes])
    absent: int = SW.NOT_FOUND
    private_objects: bool = True
    max_special: int = 2048
    #: 0, 1 or 3 occurrences of DO 7F21, and how long each may be.
    certificates: int = 3
    max_certificate: int = 2048
    key_information: bool = True
    extended_length_information: bool = True
    algorithm_information: bool = True
    #: Zeros behind the content of DO FA.
    algorithm_information_padding: int = 0
    #: Content of DO C0 and DO FA, where it is not what follows from all this.
    capabilities: bytes | None = None
    algorithm_list: bytes | None = None

    # PINs.
    pw_status_changeable: bool = True
    max_pin: int = 127
    max_reset_code: int = 127
    max_admin_pin: int = 127
    #: What DO C4 says of a resetting code that was never set.
    unset_reset_code_tries: int = 0
    #: A zero in the last digit stands for the tries left.
    wrong_pin: int = SW.SECURITY_STATUS
    pin_status: int = SW.WRONG_PIN
    #: 6700, with no try lost; None: compared like any other PIN.
    short_pin: int | None = SW.WRONG_LENGTH
    pin_missing: int = SW.SECURITY_STATUS
    used_up_pin: int = SW.SECURITY_STATUS
    kdf: bool = True
    #: PUT of DO F9 sets the PINs to the hashes in it, or to the factory's if there are none.
    kdf_sets_pins: bool = False
    kdf_object: bytes = bytes.fromhex("810100")

    # Keys.
    algorithms: tuple[str, ...] = ALL
    #: Names of the algorithms of a new card.
    defaults: tuple[str, str, str] = ("rsa2048", "rsa2048", "rsa2048")
    #: Import formats that can be had, and that of a new card.
    rsa_forms: tuple[int, ...] = (0, 1, 2, 3)
    rsa_form: int = 0
    exponent_bits: int = 32
    attributes_changeable: bool = True
    #: New attributes are answered with 9000 and forgotten.
    attributes_ignored: bool = False
    attributes_drop_pw3: bool = False
    #: A key that goes with its attributes takes fingerprint and time with it.
    clears_fingerprints: bool = False
    #: Attributes in DO FA end in FF, and imports without the public point are refused.
    point_wanted: bool = False
    key_import: bool = True
    #: Key agreement gives 04 X Y, not X.
    whole_point: bool = False
    empty_slot: int = SW.NOT_FOUND
    no_key: int = SW.NOT_FOUND
    secure_messaging: int | None = None
    aes: bool = True
    get_challenge: int = 2048
    button: bool = True
    #: A fourth key, of the maker, which attests the others (YubiKey).
    attestation: bool = False
    firmware: bytes = b"\5\4\3"
