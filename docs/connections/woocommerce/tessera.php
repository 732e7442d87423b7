<?php
/**
 * Plugin Name: Tessera
 * Description: Shows a customer's points, rewards and coupons. Never run against the vendor.
 *
 * Copy it to wp-content/mu-plugins, and define TESSERA_API, TESSERA_PROGRAM and TESSERA_SECRET (the storefront secret) in
 * wp-config.php.
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/** A member token for the customer who is logged in; empty for a guest. */
function tessera_token() {
	$customer = get_current_user_id();
	if ( ! $customer ) {
		return '';
	}
	$part    = function ( $data ) {
		return rtrim( strtr( base64_encode( wp_json_encode( $data ) ), '+/', '-_' ), '=' );
	};
	$header  = $part( array( 'alg' => 'HS256', 'typ' => 'JWT' ) );
	$claims  = $part( array( 'iss' => TESSERA_PROGRAM, 'sub' => (string) $customer, 'exp' => time() + 900 ) );
	$signed  = $header . '.' . $claims;
	$mac     = hash_hmac( 'sha256', $signed, TESSERA_SECRET, true );
	return $signed . '.' . rtrim( strtr( base64_encode( $mac ), '+/', '-_' ), '=' );
}

add_action(
	'wp_footer',
	function () {
		printf(
			'<script type="module" src="%1$s/storefront/tessera-hub.js"></script>' .
			'<tessera-hub api="%1$s" program="%2$s" token="%3$s" shop="woocommerce" mode="drawer"></tessera-hub>',
			esc_url( TESSERA_API ),
			esc_attr( TESSERA_PROGRAM ),
			esc_attr( tessera_token() )
		);
	}
);
