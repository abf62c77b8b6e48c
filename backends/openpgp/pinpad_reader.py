"""The pinpad of one reader: found out once, when it is first of use, and asked for PINs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from backends.errors import Broken, NotSupported
from backends.openpgp.link import LinkLost
from backends.openpgp.pinpad import (
    GET_FEATURE_REQUEST,
    Feature,
    Lengths,
    PinpadOptions,
    Property,
    fitting,
    parse_features,
    parse_pin_properties,
    parse_properties,
    pin_modify_structure,
    pin_verify_structure,
)
from backends.openpgp.pinpad_models import VENDOR_IFD_EXCHANGE, Model, find
from backends.openpgp.session import Session

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Ability:
    """What a reader has: control codes by feature, properties, and which model it is."""

    features: dict[int, int]
    properties: dict[int, int]
    model: Model


class Pinpad:
    """All methods are called within an operation of ``session``."""

    def __init__(self, session: Session, options: PinpadOptions) -> None:
        self._session = session
        self._options = options
        self._found: _Ability | None = None

    def has(self, feature: Feature) -> bool:
        """Whether the reader can do that, and may."""
        return not self._options.disabled and feature in self._ability().features

    def lengths(self, within: Lengths, fixed: int | None) -> Lengths | None:
        """What to ask for; None if this PIN cannot be entered here.  See
        :func:`backends.openpgp.pinpad.fitting`."""
        ability = self._ability()
        varlen = ability.model.varlen or self._options.varlen
        return fitting(ability.properties, varlen=varlen, within=within, fixed=fixed)

    def verify(self, p2: int, lengths: Lengths) -> bytes:
        """The user enters a PIN; the answer of reader or card ends with SW1 SW2.

        Raises Broken, and never LinkLost, once the command is on its way: it was a try perhaps.
        """
        structure = pin_verify_structure(p2, lengths, self._conditions())
        return self._ask(Feature.VERIFY_PIN_DIRECT, structure)

    def modify(self, p2: int, lengths: Lengths) -> bytes:
        """The user enters the old PIN and twice the new one.  Otherwise like :meth:`verify`."""
        structure = pin_modify_structure(p2, lengths, self._conditions())
        return self._ask(Feature.MODIFY_PIN_DIRECT, structure)

    def _ask(self, feature: Feature, structure: bytes) -> bytes:
        code = self._ability().features[feature]
        try:
            return self._session.control(code, structure)
        except LinkLost:
            raise Broken("contact was lost while a PIN was entered at the reader") from None
        except NotSupported as exc:
            raise Broken(f"PIN entry at the reader failed: {exc}") from None

    def _conditions(self) -> int:
        return self._ability().properties.get(Property.ENTRY_VALIDATION_CONDITION) or 0xFF

    def _ability(self) -> _Ability:
        if self._found is None:
            self._found = self._look()
            log.debug("%s: %s", self._session.link.reader, self._found)
        return self._found

    def _look(self) -> _Ability:
        features = parse_features(self._optional(GET_FEATURE_REQUEST))
        properties: dict[int, int] = {}
        for feature, parse in _PROPERTIES.items():
            if feature in features:
                properties |= parse(self._optional(features[feature]))
        model = find(properties, self._session.link.reader)
        if model.longest:
            properties[Property.MAX_PIN_SIZE] = model.longest
        if model.setup and features:
            # The SPR532 does as it is told and answers with an error all the same (scd/apdu.c).
            self._optional(VENDOR_IFD_EXCHANGE, model.setup)
        return _Ability(features, properties, model)

    def _optional(self, code: int, data: bytes = b"") -> bytes:
        """The answer; empty from a reader that does not know the command."""
        try:
            return self._session.control(code, data)
        except NotSupported as exc:
            log.debug("%s: control code %X: %s", self._session.link.reader, code, exc)
            return b""


#: Where properties are told, the better source last.
_PROPERTIES: dict[Feature, Callable[[bytes], dict[int, int]]] = {
    Feature.IFD_PIN_PROPERTIES: parse_pin_properties,
    Feature.GET_TLV_PROPERTIES: parse_properties,
}
