"""trading-monitor: approved decisions become orders, owned shares get stops, the journal agrees with the broker.

How a pass goes: a script calls runner.py, which asks due.py whether anything is due; passes.py holds the account and
repeats gather, plan, apply until nothing is left to do. Who may import whom: commands and runner may use all below;
stages use planning, planning uses domain; adapters are named in bootstrap.py alone; a test checks it.

domain/         nouns, standard library only
                records.py rows; facts.py what the broker says; actions.py what a plan may ask for; results.py
                states.py states and transitions; money.py; ids.py; bodies.py orders on the wire; hours.py; limits.py
                story.py one trade with all that was written about it; alerts.py alerts as they are stored;
                wanted.py what later decisions ask of a trade; restored.py the mark of a restore; grids.py
planning/       rules, pure
                monitors.py the plans of both monitors; terms.py what a trade wants; books.py one trade and its sums;
                context.py what every plan is given; skew.py our clock; alerts.py overdue.py what a person is told
                deciding/decisions.py deciding/entries.py deciding/requests.py deciding/amending.py
                deciding/claims.py deciding/answers.py deciding/resting.py deciding/sizing.py
                deciding/checks.py deciding/number_checks.py deciding/broker_rules.py deciding/exposure.py
                deciding/daily_loss.py deciding/sharing.py
                protecting/cover.py protecting/exit_orders.py protecting/steps.py protecting/coins.py
                protecting/dying.py protecting/escalation.py protecting/excess.py protecting/lost.py
                protecting/watching.py protecting/splits.py protecting/delisted.py
                protecting/closing.py protecting/cancelling.py protecting/halts.py
                booking/booking.py booking/sync.py booking/chains.py booking/outcomes.py booking/results.py
                booking/costs.py booking/fees.py booking/dust.py booking/coverage.py booking/valuation.py
                booking/backfill.py booking/adopting.py
                outside/reconcile.py outside/owners.py outside/corporate.py
                grid/levels.py grid/lots.py grid/ledger.py grid/desired.py grid/numbers.py what a grid holds and wants
                grid/reading.py grid/books.py grid/booking.py grid/starting.py grid/diff.py grid/plan.py in the stages
                grid/ending.py grid/trailing.py grid/health.py how it ends, moves and is paused; grid/holdings.py
                grid/posting.py the fees of its fills, and its round trips by them; grid/changes.py its row;
                grid/adopting.py what a restore takes back
stages/         order_executor.py order_monitor.py position_monitor.py: look and plan, one file a stage
broker/         port.py the broker as stages see it; alpaca.py the adapter; wire.py HTTP; translate.py refusals.py words
store/          port.py the store as stages see it; sql.py sqlite.py the adapters; tables.py column_types.py
                selection.py grids.py grid_orders.py fetch.py writing.py auditing.py queries.py alerts.py
                __main__.py arguments.py the command: init.py backups.py restoring.py pruning.py sqlite_files.py
invariants/     always.py allowed.py settled.py attended.py trail.py grids.py compared.py what must hold; evidence.py
                catalogue.py promises.py all in words; production.py what each pass asserts
paper_broker/   another program: a local Alpaca
                program.py the one way in; options.py profiles.py what may be switched; api.py call.py message.py
                state.py clocks.py prices.py faults.py limiter.py transport.py server.py __main__.py
                routes/account.py routes/activities.py routes/asset_facts.py routes/assets.py routes/calendar.py
                routes/control.py routes/corporate.py routes/data.py routes/data_query.py routes/orders.py
                routes/positions.py
                answers/account.py answers/activities.py answers/market.py answers/orders.py answers/values.py
                history/adjusting.py history/announcements.py history/bars.py history/bridge.py history/recorded.py
                history/synthetic.py history/tape.py history/timeframe.py
                fetching/command.py fetching/download.py fetching/price_file.py fetching/progress.py
                exchange/acted.py exchange/actions.py exchange/admission.py exchange/amendment.py exchange/assets.py
                exchange/book.py exchange/cancelling.py exchange/chance.py exchange/closing.py exchange/coins.py
                exchange/combinations.py exchange/corporate.py exchange/engine.py exchange/fees.py exchange/funds.py
                exchange/holdings.py exchange/hours.py exchange/levels.py exchange/lifecycle.py exchange/listing.py
                exchange/margin.py exchange/market.py exchange/matching.py exchange/opening.py exchange/postings.py
                exchange/records.py exchange/refusal.py exchange/replacing.py exchange/rows.py exchange/rules.py
                exchange/settlement.py exchange/ticket.py exchange/wash.py
simulation/     world.py the only thing that drives stages in simulated time; faults.py evidence.py
                replaying.py replayed_grids.py a World with a table; story.py replay_arguments.py what of it
                lifecycles/shape.py lifecycles/plain.py lifecycles/days.py lifecycles/market.py lifecycles/asked.py
                lifecycles/surprises.py lifecycles/kinds.py lifecycles/causes.py whole lives of trades as data
                playing.py a life step by step, judged by judging.py; points.py around.py what may befall it;
                snapshots.py lives put aside; explore.py every fault, alone and in pairs; drawn.py lives by a seed
                grids.py grids by a seed; grid_stories.py what is drawn of them; grid_rules.py what must hold of them
                deliberate defects of the stages, as patches, and the schedules that show them, in mutants/
                proof/tasks.py proof/campaign.py proof/page.py proof/arguments.py proof/writing.py over all cores
                fuzzing.py decision rows as nobody should write them: fuzz/rows.py fuzz/situations.py fuzz/payloads.py
intake/         decisions on their way in: arguments.py csv_file.py desk.py preview.py schedule.py
                grids: grid_arguments.py grid_desk.py grid_preview.py grid_standing.py
                stops on their way in: control_arguments.py control_desk.py
                what the loop may be told: loop_arguments.py
checkup/        what doctor and health look at: host.py schedule.py accounts.py broker.py promised.py; looks.py both;
                command.py their command line
views/          pages, pure: journal.py decisions.py grid.py control.py replay.py leaving.py; status.py with
                advice.py; proof.py checkup.py explain.py and its happenings.py; pages.py all of them
render/         printing.py as_json.py result.py backfill.py progress.py; text.py with table.py control.py status.py
                explain.py leaving.py checkup.py proof.py; grid.py grid_picture.py

And by themselves:
lib/            runner.py accounts.py passes.py backfill.py gather.py news.py apply.py assertions.py alerts.py market.py
                tools.py the ports and the clock;
                taking_back.py the end of a restore;
                bootstrap.py config.py errors.py logs.py due.py clock.py sessions.py crontab.py; standing.py what
                status reads; leaving.py what make uninstall reads; jobs.py the crontab's jobs as processes of loop.py
                upgrading.py one version in the place of another
                heartbeat.py tells a monitor outside; commands: __main__.py decide.py grid.py control.py status.py
                doctor.py health.py explain.py replay.py prove.py loop.py
"""
