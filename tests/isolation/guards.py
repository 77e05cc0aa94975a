"""The guards that must not be taken away: where each stands, what it is without it, and the tests that then fail.

`python -m bench.mutants` takes them away one at a time in a copy of the tree; `test_guards` sees that each still
stands where it is said to.
"""

from dataclasses import dataclass

_STORE = "tests/isolation/test_store_guards.py"
_INDEX = "tests/isolation/test_index_guards.py"
_REQUEST = "tests/isolation/test_request_guards.py"
_TENANTS = "tests/tandem/index/test_isolation.py::test_tenants_are_apart"
_GROUPS = "tests/tandem/index/test_groups.py"


@dataclass(frozen=True)
class Guard:
    """A guard as it stands, once, in a file; what is left of it without it; tests of which one must fail then."""

    name: str
    file: str
    text: str
    without: str
    tests: tuple[str, ...]


GUARDS = (
    Guard(
        "tenant filter of a search on a Qdrant server",
        "tandem/index/marks.py",
        '    yield AnyOf("tenant", (scope.tenant,))\n',
        "",
        (_TENANTS,),
    ),
    Guard(
        "a shard for each tenant in the embedded index",
        "tandem/index/tenants.py",
        "sha256(tenant.encode()).hexdigest()[:32]",
        '"everybody"',
        (_TENANTS,),
    ),
    Guard(
        "tenant of a removal in the index",
        "tandem/index/server.py",
        "return await self._delete(_filter(one_version(tenant, document_id, version)))",
        "return await self._delete(_filter(one_version(None, document_id, version)))",
        (_INDEX,),
    ),
    Guard(
        "tenant of a new end in the index",
        "tandem/index/server.py",
        "filter=_filter(one_version(tenant, document_id, version)))",
        "filter=_filter(one_version(None, document_id, version)))",
        (_INDEX,),
    ),
    Guard(
        "tenant of new groups in the index",
        "tandem/index/server.py",
        "_filter(of_document(tenant, document_id))",
        "_filter(of_document(None, document_id))",
        (_INDEX,),
    ),
    Guard(
        "second look at hits: tenant",
        "tandem/index/points.py",
        "chunk.tenant == scope.tenant\n",
        "True\n",
        (f"{_GROUPS}::test_a_second_look_drops_hits_of_other_groups_and_of_other_tenants_and_counts_these",),
    ),
    Guard(
        "second look at hits: groups",
        "tandem/index/points.py",
        "        and may_see(scope, chunk.groups)\n",
        "",
        (f"{_GROUPS}::test_a_second_look_drops_hits_of_other_groups_and_of_other_tenants_and_counts_these",),
    ),
    Guard(
        "foreign hits are counted",
        "tandem/index/points.py",
        "        foreign.add(others)\n",
        "",
        (f"{_GROUPS}::test_a_second_look_drops_hits_of_other_groups_and_of_other_tenants_and_counts_these",),
    ),
    Guard(
        "groups filter in the index",
        "tandem/index/marks.py",
        "        yield AnyOf(GROUPS, scope.groups, or_nothing=True)\n",
        "        pass\n",
        (f"{_GROUPS}::test_others_chunks_do_not_take_the_places_of_those_that_may_be_seen",),
    ),
    Guard(
        "a scope has the caller's groups",
        "tandem/vocabulary.py",
        "return cls(caller.tenant, named, where or Where(), caller.groups)",
        "return cls(caller.tenant, named, where or Where())",
        (f"{_REQUEST}::test_a_scope_takes_tenant_and_groups_from_the_caller",),
    ),
    Guard(
        "hits are asked of the store once more",
        "server/answering/retrieve.py",
        "return seen - store.visible_versions(scope, documents).items()",
        "return frozenset()",
        (f"{_REQUEST}::test_what_an_index_finds_is_asked_of_the_store_once_more",),
    ),
    Guard(
        "the store's look at hits: tenant",
        "tandem/store/access.py",
        '        versions.c.tenant == bindparam("tenant"),\n',
        "",
        (f"{_STORE}::test_of_what_an_index_found_the_store_lets_through_what_the_scope_may_see",),
    ),
    Guard(
        "the store's look at hits: corpora",
        "tandem/store/access.py",
        'query = query.where(versions.c.corpus.in_(bindparam("corpora", expanding=True)))',
        "pass",
        (f"{_STORE}::test_of_what_an_index_found_the_store_lets_through_what_the_scope_may_see",),
    ),
    Guard(
        "the store's look at hits: groups",
        "tandem/store/access.py",
        'query = query.where(seen_by(bindparam("groups", expanding=True), versions.c.document_id))',
        "pass",
        (f"{_STORE}::test_of_what_an_index_found_the_store_lets_through_what_the_scope_may_see",),
    ),
    Guard(
        "who may see a document",
        "tandem/store/access_rows.py",
        "    return seen_by(groups, versions.c.document_id if document_id is None else document_id)",
        "    return true()",
        (_STORE,),
    ),
    Guard(
        "tenant of documents: read, text, list",
        "tandem/store/documents.py",
        "and_(versions.c.tenant == tenant, versions.c.corpus == corpus, versions.c.state == CURRENT)",
        "and_(versions.c.corpus == corpus, versions.c.state == CURRENT)",
        (
            f"{_STORE}::test_a_document_of_another_tenant_or_group_cannot_be_read",
            f"{_STORE}::test_lists_and_corpora_hold_only_what_may_be_seen",
        ),
    ),
    Guard(
        "groups of a document's text",
        "tandem/store/documents.py",
        """        query = select(versions).where(
            versions.c.document_id == document_id,
            _of_corpus(caller.tenant, corpus),
            may_see(caller.groups),
""",
        """        query = select(versions).where(
            versions.c.document_id == document_id,
            _of_corpus(caller.tenant, corpus),
""",
        (f"{_STORE}::test_a_document_of_another_tenant_or_group_cannot_be_read",),
    ),
    Guard(
        "groups of a list of documents",
        "tandem/store/documents.py",
        "            .where(_of_corpus(caller.tenant, corpus), may_see(caller.groups))\n",
        "            .where(_of_corpus(caller.tenant, corpus))\n",
        (f"{_STORE}::test_lists_and_corpora_hold_only_what_may_be_seen",),
    ),
    Guard(
        "tenant of corpora",
        "tandem/store/documents.py",
        ".where(versions.c.tenant == caller.tenant, versions.c.state == CURRENT, may_see(caller.groups))",
        ".where(versions.c.state == CURRENT, may_see(caller.groups))",
        (f"{_STORE}::test_lists_and_corpora_hold_only_what_may_be_seen",),
    ),
    Guard(
        "groups of corpora",
        "tandem/store/documents.py",
        ".where(versions.c.tenant == caller.tenant, versions.c.state == CURRENT, may_see(caller.groups))",
        ".where(versions.c.tenant == caller.tenant, versions.c.state == CURRENT)",
        (f"{_STORE}::test_lists_and_corpora_hold_only_what_may_be_seen",),
    ),
    Guard(
        "tenant of a job",
        "tandem/store/jobs.py",
        "select(jobs).where(jobs.c.id == job_id, jobs.c.tenant == caller.tenant)",
        "select(jobs).where(jobs.c.id == job_id)",
        (f"{_STORE}::test_a_job_is_its_tenants",),
    ),
    Guard(
        "tenant of a list of jobs",
        "tandem/store/jobs.py",
        "        query = select(jobs).where(jobs.c.tenant == caller.tenant)\n        if corpus",
        "        query = select(jobs)\n        if corpus",
        (f"{_STORE}::test_a_job_is_its_tenants",),
    ),
    Guard(
        "tenant of a job that is cancelled",
        "tandem/store/jobs.py",
        "        self.job(caller, job_id)\n        ongoing = ",
        "        ongoing = ",
        (f"{_STORE}::test_a_job_is_its_tenants",),
    ),
    Guard(
        "groups of a job's documents",
        "tandem/store/job_access.py",
        "    return [one for one in documents if is_seen(one)]",
        "    return list(documents)",
        (f"{_STORE}::test_a_jobs_list_leaves_out_documents_of_other_groups",),
    ),
    Guard(
        "tenant of a trace",
        "tandem/store/traces.py",
        "traces.c.id == trace_id, traces.c.tenant == caller.tenant, shows_only_seen(caller.groups)",
        "traces.c.id == trace_id, shows_only_seen(caller.groups)",
        (f"{_STORE}::test_a_trace_is_its_tenants_and_of_documents_that_may_be_seen_now",),
    ),
    Guard(
        "tenant of a list of traces",
        "tandem/store/traces.py",
        "select(traces).where(traces.c.tenant == caller.tenant, shows_only_seen(caller.groups))",
        "select(traces).where(shows_only_seen(caller.groups))",
        (f"{_STORE}::test_a_trace_is_its_tenants_and_of_documents_that_may_be_seen_now",),
    ),
    Guard(
        "groups of traces",
        "tandem/store/traces.py",
        "    return ~exists().where(of_trace, ~may_see(groups, trace_documents.c.document_id))",
        "    return true()",
        (f"{_STORE}::test_a_trace_is_its_tenants_and_of_documents_that_may_be_seen_now",),
    ),
    Guard(
        "tenant of kept answers",
        "tandem/store/cached_answers.py",
        "        (cached_answers.c.tenant == tenant)\n        & (cached_answers.c.visible == visible)",
        "        (cached_answers.c.visible == visible)",
        (f"{_STORE}::test_a_kept_answer_is_its_tenants_and_ends_with_a_change_of_groups",),
    ),
    Guard(
        "tenant in the key of kept answers",
        "server/answering/cache.py",
        '        "tenant": question.caller.tenant,\n',
        "",
        (f"{_REQUEST}::test_the_family_of_a_kept_answer_is_of_tenant_and_groups",),
    ),
    Guard(
        "groups in the key of kept answers",
        "server/answering/cache.py",
        '        "groups": None if question.caller.groups is None else sorted(set(question.caller.groups)),\n',
        "",
        (f"{_REQUEST}::test_the_family_of_a_kept_answer_is_of_tenant_and_groups",),
    ),
    Guard(
        "kept answers end with a change of groups",
        "tandem/store/access.py",
        "            note_change(connection, caller.tenant, corpus)\n",
        "",
        (f"{_STORE}::test_a_kept_answer_is_its_tenants_and_ends_with_a_change_of_groups",),
    ),
    Guard(
        "tenant of a receipt",
        "tandem/store/removals.py",
        "select(receipts).where(receipts.c.id == receipt_id, receipts.c.tenant == caller.tenant)",
        "select(receipts).where(receipts.c.id == receipt_id)",
        (f"{_STORE}::test_a_receipt_is_its_tenants",),
    ),
    Guard(
        "tenant of a list of receipts",
        "tandem/store/removals.py",
        "        query = select(receipts).where(receipts.c.tenant == caller.tenant)\n",
        "        query = select(receipts)\n",
        (f"{_STORE}::test_a_receipt_is_its_tenants",),
    ),
    Guard(
        "tenant of a document that is removed",
        "tandem/store/versions.py",
        "                    versions.c.tenant == caller.tenant,\n",
        "",
        (f"{_STORE}::test_nobody_shares_removes_or_overwrites_what_he_cannot_see",),
    ),
    Guard(
        "groups of a document that is removed",
        "tandem/store/versions.py",
        "                    may_see(caller.groups),\n",
        "",
        (f"{_STORE}::test_nobody_shares_removes_or_overwrites_what_he_cannot_see",),
    ),
    Guard(
        "tenant of a document that is shared",
        "tandem/store/access.py",
        "            versions.c.tenant == caller.tenant,\n",
        "",
        (f"{_STORE}::test_nobody_shares_removes_or_overwrites_what_he_cannot_see",),
    ),
    Guard(
        "nobody writes over what he cannot see",
        "ingest/pipeline.py",
        "            await in_thread(self._store.require_writable, caller, known)\n",
        "",
        (
            "tests/ingest/test_sharing.py::test_who_has_groups_names_none_but_these_and_writes_over_nothing_unseen",
        ),
    ),
    Guard(
        "nobody names groups that are not his",
        "tandem/access_groups.py",
        "    if others:\n",
        "    if False:\n",
        (
            "tests/ingest/test_sharing.py::test_who_has_groups_names_none_but_these_and_writes_over_nothing_unseen",
        ),
    ),
    Guard(
        "a copy is of the same groups as its original",
        "tandem/store/duplicates.py",
        "        has_just(groups, versions.c.document_id),\n",
        "",
        (f"{_STORE}::test_a_copy_for_other_callers_is_no_copy",),
    ),
    Guard(
        "scope of a route",
        "server/api/identity.py",
        "if not any(caller.may(scope) for scope in self.scopes):",
        "if False:",
        (f"{_REQUEST}::test_a_key_without_the_scope_is_refused",),
    ),
    Guard(
        "expiry of a key",
        "tandem/store/key_records.py",
        'return "expired" if self.expires_at is not None and self.expires_at <= now else "active"',
        'return "active"',
        (f"{_REQUEST}::test_a_key_ends_with_its_time_and_with_its_revocation",),
    ),
    Guard(
        "revocation of a key",
        "tandem/store/key_records.py",
        "        if self.revoked_at is not None:\n",
        "        if False:\n",
        (f"{_REQUEST}::test_a_key_ends_with_its_time_and_with_its_revocation",),
    ),
    Guard(
        "size of a body",
        "server/api/gate.py",
        "over = over or received > self._max_body",
        "over = False",
        ("tests/server/api/test_gate.py",),
    ),
    Guard(
        "host of a request",
        "server/api/gate.py",
        "if self._loopback_only and not _is_local(host):",
        "if False:",
        ("tests/server/api/test_gate.py",),
    ),
    Guard(
        "origin of a request",
        "server/api/gate.py",
        'if origin is not None and scope["method"] not in _SAFE_METHODS and urlsplit(origin).netloc != host:',
        "if False:",
        ("tests/server/api/test_gate.py",),
    ),
    Guard(
        "no passage holds the mark at which they end",
        "server/fence.py",
        "            if not any(mark in text for text in texts):\n",
        "            if True:\n",
        (f"{_REQUEST}::test_a_mark_that_stands_in_a_text_is_drawn_again",),
    ),
    Guard(
        "marks of a chat template in texts are broken",
        "tandem/tokens.py",
        "        text = self._break(text)\n        # A tokenizer",
        "        return text\n        # A tokenizer",
        ("tests/tandem/test_tokens.py::test_a_mark_of_a_chat_is_broken_whatever_the_model",),
    ),
    Guard(
        "only public addresses are dialled",
        "ingest/dialling.py",
        "if not all(self._is_allowed(address) for address in addresses):",
        "if False:",
        ("tests/ingest/test_egress.py::test_the_dialler_by_itself_refuses_what_resolves_inside",),
    ),
    Guard(
        "hashes of an adapter's files",
        "tandem/adapters/registry.py",
        "if sha256_and_size(folder / name)[0] != digest:",
        "if False:",
        ("tests/tandem/adapters/test_registry.py::test_a_changed_byte_is_noticed_when_hashes_are_compared",),
    ),
    Guard(
        "sandbox of prompts",
        "tandem/prompts/language.py",
        "class PromptEnvironment(ImmutableSandboxedEnvironment):",
        "class PromptEnvironment(__import__('jinja2').Environment):",
        ("tests/tandem/test_prompts.py::test_an_attack_is_refused_soon",),
    ),
    Guard(
        "a file is what its content says",
        "ingest/accept.py",
        "    if claim is not None and media_type is MediaType.PLAIN:\n",
        "    if False:\n",
        ("tests/ingest/test_accept.py::test_a_bad_file_is_refused_by_name",),
    ),
    Guard(
        "a tenant has its own salt",
        "server/salting.py",
        'tenant.encode("utf-8", "surrogatepass")',
        'b""',
        (f"{_REQUEST}::test_a_tenants_salt_is_its_own_and_needs_the_key",),
    ),
    Guard(
        "token of a vote",
        "server/api/feedback.py",
        "    if voter is None:\n",
        "    if voter is ...:\n",
        ("tests/server/api/test_feedback_api.py",),
    ),
    Guard(
        "tenant of a vote that is taken back",
        "tandem/store/feedback.py",
        "feedback.c.tenant == caller.tenant, feedback.c.trace_id == trace_id, feedback.c.voter == voter",
        "feedback.c.trace_id == trace_id, feedback.c.voter == voter",
        ("tests/tandem/store/test_feedback.py",),
    ),
)
