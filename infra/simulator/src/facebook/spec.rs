//! What Meta's published contract allows: parameters per edge, fields per node, enum values.
//!
//! Taken from facebook-business-sdk-codegen (Graph v25, April 2026) plus what v26 added on these edges. Space-separated.

/// Whether `table` lists `word`.
pub(crate) fn lists(table: &str, word: &str) -> bool {
    table.split_ascii_whitespace().any(|listed| listed == word)
}

/// `POST /{page}/feed`.
pub(crate) const FEED_POST: &str = "\
    actions album_id android_key_hash application_id asked_fun_fact_prompt_id asset3d_id associated_id \
    attach_place_suggestion attached_media audience_exp backdated_time backdated_time_granularity breaking_news \
    breaking_news_expiration call_to_action caption child_attachments client_mutation_id composer_entry_picker \
    composer_entry_point composer_entry_time composer_session_events_log composer_session_id \
    composer_source_surface composer_type connection_class content_attachment coordinates cta_link cta_type \
    description direct_share_status enforce_link_ownership expanded_height expanded_width feed_targeting \
    formatting fun_fact_prompt_id fun_fact_toastee_id height home_checkin_city_id image_crops implicit_with_tags \
    instant_game_entry_point_data ios_bundle_id is_backout_draft is_boost_intended is_explicit_location \
    is_explicit_share is_group_linking_post is_photo_container link location_source_id manual_privacy message \
    multi_share_end_card multi_share_optimized name nectar_module object_attachment og_action_type_id \
    og_hide_object_attachment og_icon_id og_object_id og_phrase og_set_profile_badge og_suggestion_mechanism \
    page_recommendation picture place place_attachment_setting place_list place_list_data \
    post_surfaces_blacklist posting_to_redspace privacy prompt_id prompt_tracking_string properties \
    proxied_app_id publish_event_id published quote ref referenceable_image_ids referral_id \
    scheduled_publish_time source sponsor_id sponsor_relationship suggested_place_id tags target_surface \
    targeting text_format_metadata text_format_preset_id text_only_place thumbnail time_since_original_post \
    title tracking_info unpublished_content_type user_selected_tags video_start_time_ms viewer_coordinates width\
    ";

/// `POST /{page}/photos`; v26 added `provenance_metadata`.
pub(crate) const PHOTOS_POST: &str = "\
    aid allow_spherical_photo alt_text_custom android_key_hash application_id attempt audience_exp \
    backdated_time backdated_time_granularity caption composer_session_id direct_share_status feed_targeting \
    filter_type full_res_is_coming_later initial_view_heading_override_degrees \
    initial_view_pitch_override_degrees initial_view_vertical_fov_override_degrees ios_bundle_id \
    is_explicit_location is_explicit_place location_source_id manual_privacy message name nectar_module no_story \
    offline_id og_action_type_id og_icon_id og_object_id og_phrase og_set_profile_badge og_suggestion_mechanism \
    parent_media_id place privacy profile_id provenance_info provenance_metadata proxied_app_id published qn \
    scheduled_publish_time spherical_metadata sponsor_id sponsor_relationship tags target_id targeting temporary \
    time_since_original_post uid unpublished_content_type url user_selected_tags vault_image_id\
    ";

/// `POST /{post}`.
pub(crate) const POST_EDIT: &str = "\
    attached_media backdated_time backdated_time_granularity composer_session_id direct_share_status \
    explicitly_added_mentionee_ids feed_story_visibility is_explicit_location is_hidden is_pinned is_published \
    message og_action_type_id og_hide_object_attachment og_icon_id og_object_id og_phrase og_set_profile_badge \
    og_suggestion_mechanism place privacy product_item scheduled_publish_time should_sync_product_edit \
    source_type sponsor_id sponsor_relationship tags text_format_preset_id timeline_visibility tracking\
    ";

/// `GET /{page}/feed` and `/published_posts`; time paging is generic.
pub(crate) const FEED_GET: &str = "\
    include_hidden limit show_expired with\
    ";

/// `GET /{page}/posts`.
pub(crate) const POSTS_GET: &str = "\
    include_hidden limit q show_expired with\
    ";

/// `GET /{page}/insights`.
pub(crate) const PAGE_INSIGHTS_GET: &str = "\
    breakdown date_preset metric period show_description_from_api_doc since until\
    ";

/// `GET /{post}/insights`.
pub(crate) const POST_INSIGHTS_GET: &str = "\
    date_preset metric period since until\
    ";

/// `GET /{page}/photos`.
pub(crate) const PHOTOS_GET: &str = "\
    biz_tag_id business_id type\
    ";

/// `POST /{page}/subscribed_apps`.
pub(crate) const SUBSCRIBED_APPS_POST: &str = "\
    subscribed_fields\
    ";

/// `POST /{app}/subscriptions`; v26 added `include_client_certificate`.
pub(crate) const SUBSCRIPTIONS_POST: &str = "\
    callback_url fields include_client_certificate include_values object verify_token\
    ";

/// `DELETE /{app}/subscriptions`.
pub(crate) const SUBSCRIPTIONS_DELETE: &str = "\
    fields object\
    ";

/// `GET /{user}/permissions`.
pub(crate) const PERMISSIONS_GET: &str = "\
    permission status\
    ";

/// `DELETE /{user}/permissions`.
pub(crate) const PERMISSIONS_DELETE: &str = "\
    permission\
    ";

/// `GET /{user}/accounts`.
pub(crate) const ACCOUNTS_GET: &str = "\
    ad_id is_place is_promotable\
    ";

/// `GET /{post}`.
pub(crate) const NODE_GET: &str = "\
    primary_fb_page_id primary_ig_user_id\
    ";

/// `GET /{page}`.
pub(crate) const PAGE_GET: &str = "\
    account_linking_token\
    ";

/// A Page; `tasks` is missing from the contract, but every reader asks for it.
pub(crate) const PAGE_FIELDS: &str = "\
    about access_token ad_campaign affiliation app_id artists_we_like attire available_promo_offer_ids awards \
    band_interests band_members best_page bio birthday booking_agent breaking_news_usage built business \
    can_checkin can_post category category_list checkins company_overview connected_instagram_account \
    connected_page_backed_instagram_account contact_address copyright_attribution_insights \
    copyright_whitelisted_ig_partners country_page_likes cover culinary_team current_location \
    delivery_and_pickup_option_info description description_html differently_open_offerings directed_by \
    display_subtext displayed_message_response_time does_viewer_have_page_permission_link_ig emails engagement \
    fan_count featured_video features followers_count food_styles founded general_info general_manager genre \
    global_brand_page_name global_brand_root_id has_added_app has_lead_access \
    has_transitioned_to_new_page_experience has_whatsapp_business_number has_whatsapp_number hometown hours id \
    impressum influences instagram_business_account is_always_open is_calling_eligible is_chain \
    is_community_page is_eligible_for_branded_content \
    is_eligible_for_disable_connect_ig_btn_for_non_page_admin_am_web is_messenger_bot_get_started_enabled \
    is_messenger_platform_bot is_owned is_permanently_closed is_published is_unclaimed is_verified \
    is_webhooks_subscribed keywords leadgen_tos_acceptance_time leadgen_tos_accepted leadgen_tos_accepting_user \
    link location members merchant_id merchant_review_status messaging_feature_status \
    messenger_ads_default_icebreakers messenger_ads_default_quick_replies messenger_ads_quick_replies_type \
    mini_shop_storefront mission mpg name name_with_location_descriptor network new_like_count offer_eligible \
    overall_star_rating owner_business page_token parent_page parking payment_options personal_info \
    personal_interests pharma_safety_info phone pickup_options picture place_type plot_outline \
    preferred_audience press_contact price_range priority_hours privacy_info_url produced_by products \
    promotion_eligible promotion_ineligible_reason public_transit rating_count recipient record_label \
    release_date restaurant_services restaurant_specialties schedule screenplay_by season single_line_address \
    starring start_info store_code store_location_descriptor store_number studio \
    supports_donate_button_in_live_video talking_about_count tasks temporary_status unread_message_count \
    unread_notif_count unseen_message_count user_access_expire_time username verification_status voip_info \
    website were_here_count whatsapp_number written_by\
    ";

/// A Page post, with the edges that field expansion reaches.
pub(crate) const POST_FIELDS: &str = "\
    actions admin_creator allowed_advertising_objectives application attachments backdated_time call_to_action \
    can_reply_privately caption child_attachments comments comments_mirroring_domain coordinates created_time \
    description event expanded_height expanded_width feed_targeting from full_picture height icon id \
    instagram_eligibility is_app_share is_eligible_for_dark_post is_eligible_for_promotion is_expired is_hidden \
    is_inline_created is_instagram_eligible is_popular is_published is_spherical likes link message message_tags \
    multi_share_end_card multi_share_optimized name object_id parent_id permalink_url picture place privacy \
    promotable_id promotion_status properties reactions scheduled_publish_time sharedposts shares source \
    sponsor_tags status_type story story_tags subscribed target targeting timeline_visibility to type \
    updated_time via video_buying_eligibility width\
    ";

/// A photo.
pub(crate) const PHOTO_FIELDS: &str = "\
    album alt_text alt_text_custom backdated_time backdated_time_granularity can_backdate can_delete can_tag \
    created_time event from height icon id images link name name_tags page_story_id picture place position \
    source target updated_time webp_images width\
    ";

/// A user.
pub(crate) const USER_FIELDS: &str = "\
    about age_range birthday client_business_id community cover currency education email favorite_athletes \
    favorite_teams first_name gender hometown id inspirational_people install_type installed is_guest_user \
    is_work_account languages last_name link local_news_megaphone_dismiss_status local_news_subscription_status \
    locale location meeting_for middle_name name name_format payment_pricepoints picture political profile_pic \
    quotes relationship_status religion shared_login_upgrade_required_by short_name significant_other sports \
    supports_donate_button_in_live_video third_party_id timezone token_for_business updated_time verified \
    video_upload_limits website\
    ";

/// What a Page can be subscribed to.
pub(crate) const SUBSCRIBED_FIELDS: &str = "\
    affiliation attire awards bio birthday business_integrity call_permission_reply call_settings_update calls \
    category checkins comment_poll_response company_overview conversations culinary_team current_location \
    description email feature_access_list feed follow founded general_info general_manager group_feed hometown \
    hours inbox_labels invoice_access_bank_slip_events invoice_access_invoice_change \
    invoice_access_invoice_draft_change invoice_access_onboarding_status_active leadgen leadgen_fat \
    leadgen_update live_videos local_delivery location marketing_message_clicks marketing_message_deliveries \
    marketing_message_delivery_failed marketing_message_echoes marketing_message_reads \
    marketing_messages_subscriber_upload_status mcom_invoice_change members mention merchant_review \
    message_context message_deliveries message_echoes message_edits message_mention message_reactions \
    message_reads message_template_status_update messages messaging_account_linking messaging_appointments \
    messaging_checkout_updates messaging_customer_information messaging_direct_sends \
    messaging_fblogin_account_linking messaging_feedback messaging_game_plays messaging_handovers \
    messaging_in_thread_lead_form_submit messaging_integrity messaging_optins messaging_optouts \
    messaging_payments messaging_policy_enforcement messaging_postbacks messaging_pre_checkouts \
    messaging_referrals mission name page_about_story page_change_proposal page_upcoming_change parking \
    payment_options payment_request_update personal_info personal_interests phone picture price_range \
    product_review products public_transit publisher_subscriptions ratings registration response_feedback \
    send_cart standby story_poll_response story_share user_action video_text_question_responses videos website\
    ";

/// `POST /{page}/videos`; v26 added `is_ai_generated` and `selected_audio_spec`.
pub(crate) const VIDEOS_POST: &str = "\
    ad_breaks application_id asked_fun_fact_prompt_id audio_story_wave_animation_handle backdated_post \
    call_to_action composer_entry_picker composer_entry_point composer_entry_time composer_session_events_log \
    composer_session_id composer_source_surface composer_type container_type content_category content_tags \
    creative_tools crossposted_video_id custom_labels description direct_share_status edit_description_spec \
    embeddable end_offset expiration fbuploader_video_file_chunk feed_targeting file_size file_url \
    fisheye_video_cropped formatting fov front_z_rotation fun_fact_prompt_id fun_fact_toastee_id guide \
    guide_enabled initial_heading initial_pitch instant_game_entry_point_data is_ai_generated is_boost_intended \
    is_explicit_share is_group_linking_post is_partnership_ad is_voice_clip location_source_id manual_privacy \
    multilingual_data no_story og_action_type_id og_icon_id og_object_id og_phrase og_suggestion_mechanism \
    original_fov original_projection_type partnership_ad_ad_code publish_event_id published reference_only \
    referenced_sticker_id replace_video_id scheduled_publish_time secret selected_audio_spec slideshow_spec \
    social_actions source source_instagram_media_id specified_dialect spherical sponsor_id sponsor_relationship \
    start_offset swap_mode targeting text_format_metadata thumb time_since_original_post title \
    transcode_setting_properties universal_video_id unpublished_content_type upload_phase upload_session_id \
    upload_setting_properties video_asset_id video_file_chunk video_id_original video_start_time_ms waterfall_id\
    ";

/// `POST /{page}/video_reels`; v26 added `is_ai_generated`.
pub(crate) const REELS_POST: &str = "\
    description feed_targeting is_ai_generated place scheduled_publish_time targeting title upload_phase video_id \
    video_state\
    ";

/// A video.
pub(crate) const VIDEO_FIELDS: &str = "\
    ad_breaks admin_creator audio_isrc backdated_time backdated_time_granularity boost_eligibility_info \
    content_category content_tags copyright copyright_check_information copyright_monitoring_status created_time \
    custom_labels description embed_html embeddable event expiration format from icon id is_crosspost_video \
    is_crossposting_eligible is_episode is_instagram_eligible is_reference_only length live_audience_count \
    live_status music_video_copyright permalink_url picture place post_id post_views premiere_living_room_status \
    privacy published scheduled_publish_time source spherical status title universal_video_id updated_time views\
    ";

/// `GET /{page}/videos`.
pub(crate) const VIDEOS_GET: &str = "type";

/// Phases of an upload to `/videos`.
pub(crate) const UPLOAD_PHASES: &str = "cancel finish start transfer";

/// Kinds of unpublished content.
pub(crate) const UNPUBLISHED_CONTENT_TYPES: &str = "\
    ADS_POST DRAFT INLINE_CREATED PUBLISHED PUBLISH_PENDING REVIEWABLE_BRANDED_CONTENT SCHEDULED \
    SCHEDULED_RECURRING\
    ";

/// Periods of insights.
pub(crate) const INSIGHT_PERIODS: &str = "\
    day days_28 lifetime month total_over_range week\
    ";

/// Named ranges of insights.
pub(crate) const DATE_PRESETS: &str = "\
    data_maximum last_14d last_28d last_30d last_3d last_7d last_90d last_month last_quarter last_week_mon_sun \
    last_week_sun_sat last_year maximum this_month this_quarter this_week_mon_today this_week_sun_today \
    this_year today yesterday\
    ";
