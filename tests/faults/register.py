"""The 40 faults that must cost nothing, and the tests that bring each about. `test_register.py` checks the names."""

FAULTS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("double submit", ("test_same_key_twice_saves_once",)),
    2: (
        "back and resubmit",
        ("test_going_back_keeps_every_revision_and_obeys_the_protocol", "test_the_last_revision_counts"),
    ),
    3: ("two tabs", ("test_two_tabs_show_both_answers", "test_second_window_gets_what_is_stored")),
    4: ("two devices", ("test_two_devices_of_one_reader_share_one_place",)),
    5: ("session ends in mid-read", ("test_an_ended_session_loses_no_answer",)),
    6: (
        "token changed by another tab",
        ("test_a_token_changed_by_another_tab_refuses_and_the_new_one_saves_once",),
    ),
    7: ("network drops before the request", ("test_answers_wait_for_the_network",)),
    8: ("network drops after the commit", ("test_an_answer_whose_receipt_was_lost_is_saved_once",)),
    9: (
        "server dies between commit and answer",
        (
            "test_a_save_that_was_cut_off_is_saved_once_when_sent_again",
            "test_answers_outlive_a_server_that_is_killed",
        ),
    ),
    10: ("server dies before the commit", ("test_a_save_that_was_cut_off_is_saved_once_when_sent_again",)),
    11: (
        "worker of the web server times out",
        ("test_a_save_that_was_cut_off_is_saved_once_when_sent_again",),
    ),
    12: (
        "database is locked",
        (
            "test_a_database_locked_for_a_moment_is_waited_for",
            "test_a_database_that_stays_locked_loses_nothing",
            "test_sign_in_sign_out_and_readiness_under_real_faults",
        ),
    ),
    13: (
        "long read beside a save",
        (
            "test_open_cursor_on_a_snapshot_lets_others_commit",
            "test_an_export_reads_answers_and_events_from_a_snapshot",
        ),
    ),
    14: (
        "PostgreSQL restarts",
        ("test_postgresql_killed_in_the_middle_of_a_reading", "test_the_database_outlives_its_own_kill"),
    ),
    15: (
        "disk is full",
        (
            "test_a_full_disk_is_told_and_nothing_is_half_saved",
            "test_full_disk_leaves_nothing",
            "test_wherever_a_post_is_cut_off_it_is_503_and_nothing_is_changed",
        ),
    ),
    16: (
        "settings of synchronous writes",
        ("test_the_running_database_has_these_settings", "test_transactions_are_immediate"),
    ),
    17: (
        "write-ahead log behind a version gate",
        ("test_wal_on_fixed_releases", "test_rollback_journal_elsewhere"),
    ),
    18: ("network file system", ("test_sqlite_and_broker_on_a_network_file_system_are_refused",)),
    19: (
        "backup of a live site",
        (
            "test_backup_of_a_site_under_writes_comes_back_whole",
            "test_what_stands_in_the_write_ahead_log_only_is_in_the_copy",
        ),
    ),
    20: ("restore", ("test_backup_of_a_site_under_writes_comes_back_whole",)),
    21: (
        "half-written artefact",
        ("test_killed_and_resumed_gives_the_same_bytes", "test_error_leaves_nothing"),
    ),
    22: (
        "flipped byte in an artefact",
        ("test_flipped_byte_is_found_and_only_its_unit_redone", "test_damaged_or_lost_frame_is_found"),
    ),
    23: (
        "sweep worker is killed",
        (
            "test_worker_killed_with_its_bell_lost_and_torn",
            "test_a_sweep_under_faults_equals_an_undisturbed_one",
        ),
    ),
    24: ("decoding child is killed", ("test_child_that_is_killed_is_a_refusal",)),
    25: (
        "zombie after its lease",
        (
            "test_lost_lease_goes_to_another_and_the_zombie_changes_nothing",
            "test_a_late_worker_publishes_nothing",
        ),
    ),
    26: (
        "broker is wiped",
        (
            "test_a_sweep_under_faults_equals_an_undisturbed_one",
            "test_a_process_that_runs_on_rings_after_the_folder_was_emptied",
        ),
    ),
    27: ("torn message", ("test_torn_message_is_stepped_over",)),
    28: (
        "message comes twice",
        ("test_28_a_bell_delivered_twice_changes_nothing", "test_two_takers_share_without_doubling"),
    ),
    29: (
        "poison unit",
        (
            "test_a_unit_that_cannot_be_done_fails_after_five_attempts_and_says_why",
            "test_five_dead_workers_fail_a_unit_visibly",
        ),
    ),
    30: ("two finish last", ("test_30_two_last_finishers_write_the_same_tables",)),
    31: ("clocks differ", ("test_31_a_host_whose_clock_is_ahead_takes_nothing_on_postgresql",)),
    32: ("clock goes back", ("test_32_a_clock_that_goes_back_loses_and_doubles_nothing",)),
    33: (
        "migration of live data",
        (
            "test_a_stored_site_is_upgraded_whole",
            "test_no_migration_that_was_released_has_changed",
            "test_nothing_is_lost_and_every_check_holds",
            "test_the_reader_in_half_reading_reads_on_to_the_end",
            "test_the_unblinded_study_gives_the_export_that_it_gave",
            "test_the_old_backup_comes_back_on_a_new_host",
        ),
    ),
    34: ("older code on a newer schema", ("test_a_database_of_a_newer_version_is_refused",)),
    35: ("two admins edit at once", ("test_what_somebody_else_changed_meanwhile_is_not_overwritten",)),
    36: (
        "edit of a locked protocol",
        ("test_no_column_of_a_locked_study_changes", "test_a_bypass_by_way_of_a_draft_is_refused"),
    ),
    37: ("deletion of a rated case", ("test_cases_and_frames_of_a_locked_study_do_not_change",)),
    38: (
        "a reader withdraws",
        (
            "test_withdrawal_keeps_what_was_read_and_ends_reading",
            "test_a_replacement_reads_the_same_cases_in_a_fresh_order_and_nobody_else_changes",
        ),
    ),
    39: (
        "tampering with the audit trail",
        (
            "test_edit_is_found",
            "test_deletion_is_found",
            "test_reordering_is_found",
            "test_recomputing_without_the_key_is_found",
            "test_all_tamperings_are_found",
        ),
    ),
    40: ("interrupted export", ("test_an_interrupted_export_leaves_nothing_and_is_made_again",)),
}
